"""Truths and integers that differ between the streams: what they were made from, and what they are as numbers.

A discrete result remembers its origin (`remember_origin`), so that a later `mask * x`, `mask.float()` or
`where(mask, 1, 0)` can put it in as a number with multipliers (`as_number`). Which operations take it so, and through
which integer arithmetic it is followed, stands in the table (`takes_truths`, `keeps_integers`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine.arguments import both_streams, sources_of
from l2xbench.attribution.engine.operations import Operation, operation_of
from l2xbench.attribution.engine.tensor import Origin, Paired
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.rules.call import differentiable
from l2xbench.attribution.rules.comparisons import truth_as_number
from l2xbench.attribution.rules.selection import Choice

CONDITIONAL = frozenset({"where", "masked_fill"})
"""Operations whose first use of a truth is as a condition."""


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
        if torch.equal(item._value, item._reference):
            item._reference = item._value
            continue
        item.origin = Origin(sources_of((*args, kwargs)))
        if operation.compares or operation.row.keeps_integers or operation.name == "_to_copy":
            item.origin.operation, item.origin.args, item.origin.options = func, args, kwargs


def with_numbers(trace: Trace, operation: Operation, args: Any, kwargs: dict[str, Any]) -> Any:
    """The arguments, with a truth's 0 or 1, or an integer, that differs between the streams as a number with
    multipliers, where the operation's result is no longer discrete.
    """
    if not any(a.origin is not None for a in args if type(a) is Paired):
        return args
    if operation.name == "_to_copy":
        stays = not (kwargs.get("dtype") or torch.bool).is_floating_point
    else:
        stays = operation.name not in ("div", "mean") and not any(
            isinstance(a, float) or (isinstance(a, Tensor) and differentiable(a)) for a in args
        )
    return args if stays else tuple(as_number(trace, a) for a in args)


def constants_chosen(trace: Trace, name: str, args: Any) -> Any:
    """`where` and `masked_fill` of constants a, b by a truth c: b + c (a - b), with the truth's multipliers; None
    where it is not that.
    """
    c, a, b = (args[1], args[2], args[0]) if name == "masked_fill" else args
    if not (isinstance(c, Paired) and c.origin is not None) or any(isinstance(t, Paired) for t in (a, b)):
        return None
    if not all(math.isfinite(t) if isinstance(t, (int, float)) else all_finite(t) for t in (a, b)):
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
