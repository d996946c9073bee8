"""Selections whose size depends on the data: `x[mask]`, `nonzero`, and writing back to where it was read.

The two streams may select different places. Both then work on all places that either selects, so that the same place
stands in the same row of both; a row that a stream did not select itself (a ghost) is worked on for nothing, and not
written back. This is the network's own answer where each selected place is treated by itself. Where they are mixed (a
mean over the selection, an attention) the ghosts would count: the pass is therefore verified against one stream at a
time (`paired.verify`), and refused if it differs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine.arguments import sources_of
from l2xbench.attribution.engine.tensor import Origin, Paired, StreamPairs, streams_of
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.rules.call import without_gradient

aten = torch.ops.aten


class GhostError(Exception):
    """A ghost became NaN or Inf: it is to be worked on with the other stream's numbers."""


def everywhere(trace: Trace, mask: Paired) -> tuple[list[Tensor], Paired] | None:
    """Where either stream's mask is true, as indices (n,) for each axis, and which of these each stream selects; None
    where both select the same.
    """
    mine, its = (t != 0 for t in mask.pair())
    if torch.equal(mine, its):
        return None
    either = mine | its
    count = int(mine.sum()), int(its.sum())
    trace.ragged.append(
        f"a selection in {trace.where()} takes {count[0]} elements of the input's stream and {count[1]} of the "
        "reference's"
    )
    return [*either.nonzero(as_tuple=True)], selected(mine[either], its[either], sources_of(mask))


def selected(mine: Tensor, its: Tensor, sources: StreamPairs) -> Paired:
    """What each stream selects, and what the choice was made from."""
    pair = Paired.of(mine, its)
    pair.origin = Origin(sources)
    return pair


def chosen_by(members: Paired) -> StreamPairs:
    """What a choice was made from."""
    return members.origin.sources if members.origin is not None else []


def nonzero(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The indices (n, axes) of all places that either stream selects."""
    found = everywhere(trace, args[0])
    if found is None:
        return without_gradient(func, (args[0].pair()[0],), {})
    places, members = found
    result = Paired.of(index := torch.stack(places, 1), index)
    result.members = members
    return result


def places_of(trace: Trace, indices: Any) -> tuple[list[Tensor | None], Paired, int] | None:
    """Indices without masks, the members, and the axis that they select along; None where both streams select alike."""
    found: list[Tensor | None] = []
    members = None
    for index in indices:
        if not isinstance(index, Paired):
            found.append(index)
            continue
        if index.dtype in (torch.bool, torch.uint8):
            mask = everywhere(trace, index)
            if mask is not None and members is None:
                members = mask[1]
                found += mask[0]
                continue
        elif index.members is not None and index.dim() == 1:
            members = index.members
        found.append(index)
    if members is None:
        return None
    for number, index in enumerate(found):
        if isinstance(index, Paired):
            value, reference = index.pair()
            if value is not reference and not torch.equal(value, reference):
                return None
            found[number] = value
    at = [number for number, index in enumerate(found) if index is not None]
    return found, members, at[0] if at[-1] - at[0] == len(at) - 1 else 0


def condition_along(members: Paired, axis: int, dim: int) -> Paired:
    """The members as a condition on a tensor of `dim` axes."""
    shape = (-1, *(1,) * (dim - axis - 1))
    mine, its = members.pair()
    return selected(mine.view(shape), its.view(shape), chosen_by(members))


def read(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`x[mask]`: at all places that either stream selects."""
    found = places_of(trace, args[1])
    if found is None:
        return None
    indices, members, axis = found
    rows = aten.index.Tensor(args[0], indices)
    if not isinstance(rows, Paired):
        return rows, rows
    value, reference = rows.pair()
    if trace.options.copy_ghosts:
        mine, its = condition_along(members, axis, value.dim()).pair()
        other = value.detach()
        value = torch.where(mine & its, value, torch.where(mine, other, reference))
        reference = torch.where(its, reference, other)
    return value, reference


def masked_select(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The same with a mask that broadcasts."""
    x, mask = args
    if not isinstance(mask, Paired):
        return None
    shape: torch.Size = torch.broadcast_shapes(x.shape, mask.shape)  # type: ignore[no-untyped-call]
    return read(trace, func, (x.expand(shape), [expanded(mask, shape)]), {})


def masked_scatter(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Writing back what the same mask selected."""
    x, mask, new = args
    if not isinstance(mask, Paired):
        return None
    condition = expanded(mask, x.shape)
    mine, its = condition.pair()
    if new.numel() != int((mine | its).sum()):
        return None  # not what was selected at the places of both streams
    return write(trace, func, (x, [condition], new.reshape(-1)), {})


def expanded(mask: Paired, shape: Any) -> Paired:
    """The mask, broadcast."""
    mine, its = mask.pair()
    return selected(mine.expand(shape), its.expand(shape), chosen_by(mask))


def kept(trace: Trace, members: Paired, axis: int, new: Any, old: Any) -> Any:
    """The new rows, and the old ones in a stream that does not select them."""
    condition = condition_along(members, axis, old.dim())
    if isinstance(new, Paired) and new.is_floating_point() and not trace.options.copy_ghosts:
        for rows, selects in zip(new.pair(), condition.pair(), strict=True):
            if not bool((torch.isfinite(rows) | selects).all()):
                raise GhostError
    return torch.where(condition, new, old)


def write(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`x[mask] = new`: each stream only where it selects."""
    x, indices, new = args[:3]
    found = places_of(trace, indices)
    if found is None:
        return None
    places, members, axis = found
    old = aten.index.Tensor(x, places)
    accumulate = bool(args[3]) if len(args) > 3 else bool(kwargs.get("accumulate", False))
    new = kept(trace, members, axis, new.expand(old.shape), torch.zeros_like(old) if accumulate else old)
    return streams_of(aten.index_put.default(x, places, new, accumulate))


def write_along(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`index_add` and `index_copy` at places that each stream selects for itself."""
    x, dim, index, new = args[:4]
    members = index.members if isinstance(index, Paired) else None
    if members is None or index.dim() != 1:
        return None
    places = index.pair()[0]
    old = aten.index_select.default(x, dim, places)
    old = torch.zeros_like(old) if func is aten.index_add.default else old
    new = kept(trace, members, dim % x.dim(), new, old)
    return streams_of(func(x, dim, places, new, *args[4:], **kwargs))
