"""One ATen operation, some of whose arguments are paired, from beginning to end."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine import inplace
from l2xbench.attribution.engine.arguments import both_streams
from l2xbench.attribution.engine.discrete import CONDITIONAL, constants_chosen, remember_origin, with_numbers
from l2xbench.attribution.engine.operations import Operation, operation_of
from l2xbench.attribution.engine.ragged import GhostError
from l2xbench.attribution.engine.special import HANDLERS
from l2xbench.attribution.engine.storage import followed
from l2xbench.attribution.engine.streams import streams
from l2xbench.attribution.engine.tensor import Paired, in_own_shells, paired
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.engine.views import View, single_views
from l2xbench.attribution.errors import AttributionError, FailedOperationError, UnsupportedOperationError
from l2xbench.errors import message_of
from l2xbench.system import memory
from l2xbench.system.torch_parts import tree_map_only

UNINITIALISED = frozenset({"empty_like", "new_empty", "new_empty_strided", "empty_permuted"})
"""Operations that give memory as it lies there."""
DRAWN = frozenset({"rand_like", "randn_like"})
"""Operations that draw random numbers, other ones in another precision."""


def dispatch(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The operation's result, paired.

    Raises:
        FailedOperationError: it fails on both streams though the network itself could do it.
    """
    try:
        return carried_out(trace, func, args, kwargs)
    except (AttributionError, GhostError):
        raise
    except Exception as error:
        if memory.has_run_out(error) or fails_plainly(trace, func, args, kwargs):
            raise
        raise FailedOperationError(
            f"{operation_of(func).name} in {trace.where()} cannot be explained: it fails on tensors that carry their "
            f"reference ({message_of(error)[:200]})"
        ) from error


def fails_plainly(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether an operation fails on the value stream by itself: then it is the network's own failure."""
    try:
        given = tree_map_only(Paired, lambda t: t.pair()[0].detach().clone(), (args, kwargs))
        written = operation_of(func).writes
        plain = [a.clone() if i in written and isinstance(a, Tensor) else a for i, a in enumerate(given[0])]
        with torch.no_grad():
            func(*plain, **given[1])
    except Exception:
        return True
    return False


def carried_out(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The same, whatever it raises."""
    operation = operation_of(func)
    if operation.composite:
        with torch.no_grad():
            return in_own_shells(func.decompose(*args, **kwargs))
    if operation.shape_only:
        return unmoved(trace, operation, func, args, kwargs)
    if operation.handler is not None:
        return HANDLERS[operation.handler](trace, func, args, kwargs)
    if operation.writes:
        return inplace.write(trace, operation, func, args, kwargs)
    if operation.row.takes_truths:
        args = with_numbers(trace, operation, args, kwargs)
    if operation.name in CONDITIONAL:
        numeric = constants_chosen(trace, operation.name, args)
        if numeric is not None:
            return in_own_shells(numeric)
    value, reference = streams(trace, operation, func, args, kwargs)
    if isinstance(value, Tensor) and value.layout != torch.strided:
        raise UnsupportedOperationError(
            f"{operation.name} in {trace.where()} makes a sparse tensor that depends on the input, whose reference may "
            "have other places; use a dense one"
        )
    result = (
        views(trace, operation, func, args, kwargs, value, reference) if operation.is_view else paired(value, reference)
    )
    remember_origin(operation, func, args, kwargs, result)
    return result


def unmoved(trace: Trace, operation: Operation, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """A tensor of another's shape: without a difference, and yet paired, so that what is written into it later is seen
    wherever that happens, also within a function of PyTorch's that makes it for itself.
    """
    options = {k: both_streams(trace, v)[0] for k, v in kwargs.items()}
    likes = [both_streams(trace, a)[0] for a in args]
    if operation.name in DRAWN and trace.draws_in is not None:
        dtype = options.get("dtype") or likes[0].dtype
        lower = trace.draws_in if dtype == trace.dtype else dtype
        made = func(*likes, **options | {"dtype": lower}).to(dtype)
        return Paired.of(made, made)
    made = func(*likes, **options)
    if not isinstance(made, Tensor):
        return made
    if operation.name in UNINITIALISED:
        made = made.zero_()  # what lay there must not look like a difference
    return Paired.of(made, made)


def views(
    trace: Trace, operation: Operation, func: Any, args: Any, kwargs: dict[str, Any], value: Any, reference: Any
) -> Any:
    """Pair what both streams of a view call gave, and let it remember what it is a view of."""
    source = args[0] if isinstance(args[0], Paired) else followed(trace, args[0])
    if isinstance(value, Tensor):
        return source.view_by(View(func, args[1:], kwargs), value, reference)
    taken = single_views(operation.name, args[1:], kwargs, value)
    return type(value)(source.view_by(view, v, r) for v, r, view in zip(value, reference, taken, strict=True))
