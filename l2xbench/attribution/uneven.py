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

from l2xbench.attribution.dispatch import BEFORE, SPECIAL, Paired, Session, run, sources_of, without_gradient

aten = torch.ops.aten


class GhostError(Exception):
    """A ghost became NaN or Inf: it is to be worked on with the other stream's numbers."""


def everywhere(state: Session, mask: Paired) -> tuple[list[Tensor], Paired] | None:
    """Where either stream's mask is true, as indices (n,) for each axis, and which of these each stream selects; None
    where both select the same.
    """
    mine, its = (t != 0 for t in mask.pair())
    if torch.equal(mine, its):
        return None
    either = mine | its
    count = int(mine.sum()), int(its.sum())
    state.uneven.append(
        f"a selection in {state.where()} takes {count[0]} elements of the input's stream and {count[1]} of the "
        "reference's"
    )
    return [*either.nonzero(as_tuple=True)], truth(mine[either], its[either], sources_of(mask))


def truth(mine: Tensor, its: Tensor, sources: Any) -> Paired:
    """What each stream selects, and what the choice was made from."""
    pair = Paired.of(mine, its)
    pair._discrete, pair._sources = True, sources
    return pair


def nonzero(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The indices (n, axes) of all places that either stream selects."""
    found = everywhere(state, args[0])
    if found is None:
        return without_gradient(func, (args[0].pair()[0],), {})
    places, members = found
    result = Paired.of(index := torch.stack(places, 1), index)
    result._members = members
    return result


def places_of(state: Session, indices: Any) -> tuple[list[Tensor | None], Paired, int] | None:
    """Indices without masks, the members, and the axis that they select along; None where nothing is uneven."""
    found: list[Tensor | None] = []
    members = None
    for index in indices:
        if not isinstance(index, Paired):
            found.append(index)
            continue
        if index.dtype in (torch.bool, torch.uint8):
            mask = everywhere(state, index)
            if mask is not None and members is None:
                members = mask[1]
                found += mask[0]
                continue
        elif index._members is not None and index.dim() == 1:
            members = index._members
        value, reference = index.pair()
        found.append(value if torch.equal(value, reference) else index)
    if members is None or any(isinstance(index, Paired) for index in found):
        return None
    at = [number for number, index in enumerate(found) if index is not None]
    return found, members, at[0] if at[-1] - at[0] == len(at) - 1 else 0


def along(members: Paired, axis: int, dim: int) -> Paired:
    """The members as a condition on a tensor of `dim` axes."""
    shape = (-1, *(1,) * (dim - axis - 1))
    mine, its = members.pair()
    return truth(mine.view(shape), its.view(shape), members._sources)


def read(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`x[mask]`: at all places that either stream selects."""
    found = places_of(state, args[1])
    if found is None:
        return None
    indices, members, axis = found
    rows = aten.index.Tensor(args[0], indices)
    if not isinstance(rows, Paired):
        return rows, rows
    value, reference = rows.pair()
    if state.still:
        mine, its = along(members, axis, value.dim()).pair()
        other = value.detach()
        value = torch.where(mine & its, value, torch.where(mine, other, reference))
        reference = torch.where(its, reference, other)
    return value, reference


def masked_select(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The same with a mask that broadcasts."""
    x, mask = args
    if not isinstance(mask, Paired):
        return None
    shape = torch.broadcast_shapes(x.shape, mask.shape)
    return read(state, func, (x.expand(shape), [expanded(mask, shape)]), {})


def masked_scatter(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Writing back what the same mask selected."""
    x, mask, new = args
    if not isinstance(mask, Paired):
        return None
    condition = expanded(mask, x.shape)
    mine, its = condition.pair()
    if new.numel() != int((mine | its).sum()):
        return None  # not what was selected at the places of both streams
    return write(state, func, (x, [condition], new.reshape(-1)), {})


def expanded(mask: Paired, shape: Any) -> Paired:
    """The mask, broadcast."""
    mine, its = mask.pair()
    return truth(mine.expand(shape), its.expand(shape), mask._sources)


def kept(state: Session, members: Paired, axis: int, new: Any, old: Any) -> Any:
    """The new rows, and the old ones in a stream that does not select them."""
    condition = along(members, axis, old.dim())
    if isinstance(new, Paired) and new.is_floating_point() and not state.still:
        for rows, selects in zip(new.pair(), condition.pair(), strict=True):
            if not bool((torch.isfinite(rows) | selects).all()):
                raise GhostError
    return torch.where(condition, new, old)


def write(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`x[mask] = new`: each stream only where it selects."""
    x, indices, new = args[:3]
    found = places_of(state, indices)
    if found is None:
        return None
    places, members, axis = found
    old = aten.index.Tensor(x, places)
    accumulate = bool(args[3]) if len(args) > 3 else bool(kwargs.get("accumulate", False))
    new = kept(state, members, axis, new.expand(old.shape), torch.zeros_like(old) if accumulate else old)
    return run(state, aten.index_put.default, (x, places, new, accumulate), {}).pair()


def write_along(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`index_add` and `index_copy` at places that each stream selects for itself."""
    x, dim, index, new = args[:4]
    members = index._members if isinstance(index, Paired) else None
    if members is None or index.dim() != 1:
        return None
    places = index.pair()[0]
    old = aten.index_select.default(x, dim, places)
    old = torch.zeros_like(old) if func is aten.index_add.default else old
    new = kept(state, members, dim % x.dim(), new, old)
    return run(state, func, (x, dim, places, new, *args[4:]), kwargs).pair()


SPECIAL["nonzero"] = nonzero
BEFORE |= {
    "index": read,
    "masked_select": masked_select,
    "masked_scatter": masked_scatter,
    "index_put": write,
    "index_add": write_along,
    "index_copy": write_along,
}
