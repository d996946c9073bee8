"""Truths and integers that differ between the streams: what they were made from, and what they are as numbers.

A discrete result remembers its origin (`remember_origin`), so that a later `mask * x`, `mask.float()` or
`where(mask, 1, 0)` can put it in as a number with multipliers (`as_number`). Which operations take it so, and through
which integer arithmetic it is followed, stands in the table (`takes_truths`, `keeps_integers`).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch

from l2xbench.attribution.engine.arguments import both_streams, sources_of
from l2xbench.attribution.engine.operations import Operation, operation_of
from l2xbench.attribution.engine.tensor import Origin, Paired
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.rules.call import differentiable
from l2xbench.attribution.rules.comparisons import truth_as_number
from l2xbench.attribution.rules.questions import agree, is_finite
from l2xbench.attribution.rules.selection import Choice

CONDITIONAL = {"where": 0, "masked_fill": 1}
"""Operations that take a truth as a condition, and the argument that it is."""


def remember_origin(operation: Operation, func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
    """Let a discrete result (a comparison, an index) remember what it was made from."""
    if isinstance(result, Paired) and result.dtype.is_floating_point:
        return
    members = next((a.members for a in args if type(a) is Paired and a.members is not None), None)
    for item in result if isinstance(result, (list, tuple)) else (result,):
        if not isinstance(item, Paired) or differentiable(item._value):
            continue
        item.members = members
        if item._value is item._reference:
            continue
        if agree(item._value, item._reference):
            item._reference = item._value
            continue
        item.origin = Origin(sources_of((*args, kwargs)))
        if operation.compares or operation.row.keeps_integers or operation.name == "_to_copy":
            item.origin.operation, item.origin.options = func, kwargs
            item.origin.args = tuple(a.as_it_is() if type(a) is Paired else a for a in args)


def remember_write(trace: Trace, target: Paired, before: Paired, written: Paired) -> None:
    """Let a discrete tensor that was written to, and all that shares its memory, remember what it is by now.

    Args:
        trace: the pass.
        target: what was written to: the whole, or a view of it.
        before: the whole as it was.
        written: what was written, and where that comes from.
    """
    root, path = target.root, target._path
    if root._value is root._reference or agree(root._value, root._reference):
        root._reference = root._value
        root.origin = None
        return
    sources = [source for each in (before, written) if each.origin is not None for source in each.origin.sources]

    @cache
    def number() -> Paired:
        new = with_gradient(trace, written)
        if not path:
            return new
        old = with_gradient(trace, before)
        with torch.no_grad():
            whole: Paired = torch.ops.aten.clone.default(old)
            part = whole
            for view in path:
                part = view.operation(part, *view.args, **view.options)
            torch.ops.aten.copy_.default(part, new)
        return whole

    root.origin = Origin(sources, number=number)


def with_gradient(trace: Trace, discrete: Paired) -> Paired:
    """A discrete tensor as a floating-point pair, also where it has no difference."""
    with torch.enable_grad():
        found = as_number(trace, discrete)
    if found is discrete:
        value, reference = discrete.pair()
        found = value.to(trace.dtype)
        found = Paired.of(found, found if reference is value else reference.to(trace.dtype))
    number: Paired = found
    return number


def remember_copy(trace: Trace, source: Any, written: Paired) -> None:
    """Let what was copied into a discrete tensor remember what it is a copy of."""
    if not isinstance(source, Paired) or written._value is written._reference:
        return
    kept = source.as_it_is()

    @cache
    def number() -> Paired:
        with torch.no_grad():
            if not differentiable(kept):
                new = kept
            elif written.dtype == torch.bool:
                new = torch.ops.aten.ne.Scalar(kept, 0)
            else:
                new = torch.ops.aten.trunc.default(kept)
        new = new if differentiable(new) else with_gradient(trace, new)
        with torch.no_grad():
            whole: Paired = torch.ops.aten.expand.default(new, list(written.shape))
        return whole

    written.origin = Origin(sources_of([source]), number=number)


def with_numbers(trace: Trace, operation: Operation, args: Any, kwargs: dict[str, Any]) -> Any:
    """The arguments, with a truth's 0 or 1, or an integer, that differs between the streams as a number with
    multipliers, where the operation's result is no longer discrete.
    """
    condition = CONDITIONAL.get(operation.name)
    if not any(has_origin(a) for i, a in enumerate(args) if i != condition):
        return args
    if operation.name == "_to_copy":
        stays = not (kwargs.get("dtype") or torch.bool).is_floating_point
    else:
        flat = [each for a in args for each in (a if isinstance(a, (list, tuple)) else (a,))]
        stays = operation.name not in ("div", "mean") and not any(
            isinstance(a, float) or differentiable(a) for a in flat
        )
    if stays:
        return args
    return tuple(a if i == condition else numbers_in(trace, a) for i, a in enumerate(args))


def has_origin(argument: Any) -> bool:
    """Whether an argument, or something in a list, is a discrete tensor that differs between the streams."""
    if isinstance(argument, (list, tuple)):
        return any(has_origin(a) for a in argument)
    return type(argument) is Paired and argument.origin is not None


def numbers_in(trace: Trace, argument: Any) -> Any:
    """An argument, or a list's items, as numbers."""
    if isinstance(argument, (list, tuple)):
        return [numbers_in(trace, a) for a in argument]
    return as_number(trace, argument)


def constants_chosen(trace: Trace, name: str, args: Any) -> Any:
    """`where` and `masked_fill` of constants a, b by a truth c: b + c (a - b), with the truth's multipliers; None
    where it is not that.
    """
    c, a, b = (args[1], args[2], args[0]) if name == "masked_fill" else args
    if not (isinstance(c, Paired) and c.origin is not None) or any(isinstance(t, Paired) for t in (a, b)):
        return None
    if not all(math.isfinite(t) if isinstance(t, (int, float)) else is_finite(t) for t in (a, b)):
        return None
    number = as_number(trace, c)
    with torch.no_grad():
        return number * (a - b) + b


def as_number(trace: Trace, discrete: Any) -> Any:
    """A discrete result as a floating-point pair: a comparison by its chord, an integer by that of the rounding that
    made it; any other choice by an even share of what it was chosen by. Anything else as it is.
    """
    if not (isinstance(discrete, Paired) and discrete.origin is not None):
        return discrete
    origin = discrete.origin
    if origin.number is not None:
        return origin.number()
    if origin.operation is not None:
        made_by = operation_of(origin.operation)
        before = [as_number(trace, a) for a in origin.args]
        if made_by.compares:
            (a, a_ref), (b, b_ref) = (both_streams(trace, c) for c in before)
            return Paired.of(*truth_as_number(a, b, a_ref, b_ref, *discrete.pair(), trace.dtype))
        with torch.no_grad():
            if made_by.row.keeps_integers:
                return origin.operation(*before, **(origin.options or {}))
            return torch.trunc(before[0]) if differentiable(before[0]) else before[0].to(trace.dtype)
    value, reference = (t.to(trace.dtype) for t in discrete.pair())
    if origin.sources:
        chosen_by = [a for a, _ in origin.sources], [b for _, b in origin.sources]
        value = Choice.apply(value, reference, trace.record("choice", "selection"), *chosen_by[0], *chosen_by[1])
    return Paired.of(value, reference)
