"""An argument of a call, for the value stream and for the reference stream, in the precision of the computation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine.storage import as_written
from l2xbench.attribution.engine.tensor import Paired, StreamPairs
from l2xbench.attribution.engine.trace import LOWER, Trace
from l2xbench.attribution.errors import UnsupportedOperationError
from l2xbench.attribution.rules.call import differentiable, is_absent

PLAIN = frozenset({int, float, bool, type(None)})
"""Types of arguments that are the same in both streams as they are."""


def both_streams(trace: Trace, argument: Any) -> tuple[Any, Any]:
    """An argument's value and reference; one object where it has no difference."""
    if isinstance(argument, Paired):
        value, reference = argument.pair()
        if is_absent(value):
            raise UnsupportedOperationError(
                f"{trace.where()} uses what an operation returns besides its result, as a gradient that the network "
                "takes through a norm does; this is not followed"
            )
        if argument.mark is trace.mark:
            return value, reference
        if value is not reference:
            raise UnsupportedOperationError(
                f"{trace.where()} uses a tensor that it kept of another image's pass, outside its modules (in a global "
                "variable, say); keep it as an attribute of a module, or make it anew"
            )
        argument = value  # a constant
    if isinstance(argument, Tensor):
        if trace.written:
            found = as_written(trace, argument)
            if found is not None:
                return found.pair()
        if argument.requires_grad:
            argument = argument.detach()
        if trace.options.changing and argument.untyped_storage().data_ptr() in trace.options.changing:
            argument = argument.clone()  # as it is now: it will be another when gradients are taken
        if argument.dtype in LOWER and argument.dtype != trace.dtype:
            argument = argument.to(trace.raised(argument.dtype))
        return argument, argument
    if isinstance(argument, (list, tuple)):
        if any(isinstance(a, Tensor) for a in argument):
            pairs = [both_streams(trace, a) for a in argument]
            if all(v is r for v, r in pairs):
                same = [v for v, _ in pairs]
                return same, same
            return [v for v, _ in pairs], [r for _, r in pairs]
        return argument, argument
    if isinstance(argument, torch.dtype):
        raised = trace.raised(argument)
        if argument.itemsize == 2 and raised != argument and not trace.lowered:
            trace.lowered = trace.where()
        return raised, raised
    return argument, argument


def carries_gradient(argument: Any) -> bool:
    """Whether an argument, or something in a list, is floating or complex."""
    if isinstance(argument, (list, tuple)):
        return any(differentiable(a) for a in argument)
    return differentiable(argument)


def sources_of(arguments: Any) -> StreamPairs:
    """The differing tensors with a gradient that some arguments are, or were chosen by."""
    if isinstance(arguments, Paired):
        value, reference = arguments.pair()
        if value is reference:
            return []
        if differentiable(value):
            return [(value, reference)]
        return arguments.origin.sources if arguments.origin is not None else []
    if isinstance(arguments, dict):
        arguments = arguments.values()
    elif not isinstance(arguments, (list, tuple)):
        return []
    return [pair for item in arguments for pair in sources_of(item)]
