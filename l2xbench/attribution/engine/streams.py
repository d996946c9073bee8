"""The table applied: both streams of an operation that writes to nothing."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine.arguments import PLAIN, both_streams, carries_gradient, sources_of
from l2xbench.attribution.engine.discrete import CONDITIONAL
from l2xbench.attribution.engine.draws import Seeded
from l2xbench.attribution.engine.operations import Operation
from l2xbench.attribution.engine.special import RAGGED
from l2xbench.attribution.engine.tapping import JOINS, joined
from l2xbench.attribution.engine.tensor import Paired, streams_of
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.errors import NotFiniteError, UnsupportedOperationError
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.rules.call import Call, OperationRecord, Pair, differentiable, without_gradient
from l2xbench.attribution.rules.integral import line_integral
from l2xbench.attribution.rules.own import with_own_result
from l2xbench.attribution.rules.selection import choice, each_its_own
from l2xbench.attribution.rules.treatment import Treatment
from l2xbench.system.torch_parts import tree_leaves, tree_map_only

UNTREATED = OperationRecord("", "line integral")
"""Takes the place of a call's record until its treatment is known."""


def streams(trace: Trace, operation: Operation, func: Any, args: Any, kwargs: dict[str, Any]) -> Pair:
    """Both streams' results; one object for both where nothing differs."""
    if operation.ragged is not None:
        pair: Pair | None = RAGGED[operation.ragged](trace, func, args, kwargs)
        if pair is not None:
            return pair
    if operation.draws:
        func = Seeded(func, torch.device(trace.device))
    call, carried = call_of(trace, operation, func, args, kwargs)
    if not call.moving:
        value = without_gradient(func, call.values, call.value_options)
        return value, value
    if not carried:
        call.sources = sources_of((args, kwargs))
    elif operation.name in CONDITIONAL or call.discrete:
        call.sources = sources_of([a for a in (*args, *kwargs.values()) if type(a) is Paired and a.origin is not None])
    treatment = operation.treatment(call) if carried else None
    if treatment is None:
        value, reference = untreated(trace, operation, call, carried)
    else:
        value, reference = treated(trace, treatment, call)
    if operation.draws:
        without_gradient(func, call.values, call.value_options)  # the generators are as after the network's own draw
    if trace.options.check_finite:
        require_finite(trace, call, value, reference)
    if trace.taps is not None and operation.name in JOINS:
        joined(trace, operation, call, (value, reference))
    return value, reference


def call_of(trace: Trace, operation: Operation, func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Call, bool]:
    """The call for both streams, and whether what differs has a gradient."""
    values, references, moving, carried, discrete = list(args), list(args), [], False, False
    for i, argument in enumerate(args):
        if type(argument) in PLAIN:
            continue
        values[i], references[i] = v, r = both_streams(trace, argument)
        if v is not r:
            moving.append(operation.arguments[i])
            carried, discrete = (True, discrete) if carries_gradient(v) else (carried, True)
    value_options, reference_options = kwargs, kwargs
    if kwargs:
        value_options, reference_options = {}, {}
        for name, argument in kwargs.items():
            value_options[name], reference_options[name] = v, r = both_streams(trace, argument)
            if v is not r:
                moving.append(name)
                carried, discrete = (True, discrete) if carries_gradient(v) else (carried, True)
    call = Call(
        operation.name, func, values, references, value_options, reference_options, frozenset(moving), UNTREATED
    )
    call.discrete = discrete
    return call, carried


def treated(trace: Trace, treatment: Treatment, call: Call) -> Pair:
    """The call by a rule of the table."""
    call.record = trace.record(call.name, treatment.kind)
    if treatment.apply is not None:
        pair = treatment.apply(call)
    else:
        assert treatment.compose is not None
        pair = composed(trace, treatment.compose, call)
    return with_own_result(call, pair) if treatment.by_another_way else pair


def composed(trace: Trace, compose: Any, call: Call) -> Pair:
    """The call by other operations, each met and treated by itself."""
    args = [v if v is r else Paired.of(v, r) for v, r in zip(call.values, call.references, strict=True)]
    options = {
        name: v if v is r else Paired.of(v, r)
        for (name, v), r in zip(call.value_options.items(), call.reference_options.values(), strict=True)
    }
    taps, trace.taps = trace.taps, None  # sums of ours are none of the network's
    try:
        with torch.no_grad():
            return streams_of(compose(*args, **options))
    finally:
        trace.taps = taps


def untreated(trace: Trace, operation: Operation, call: Call, carried: bool) -> Pair:
    """A call that no row of the table covers: its result has no derivative, only discrete arguments differ, or it is
    integrated along the line between the streams.

    Raises:
        UnsupportedOperationError: it would be integrated, and the pass is strict.
    """
    probe = call.reference()
    flat = probe if isinstance(probe, (tuple, list)) else (probe,)
    if not any(differentiable(t) for t in flat):
        call.record = trace.record(call.name, "comparison")
        return each_its_own(call, probe)
    given = [*zip(call.values, call.references, strict=True)]
    if not carried:
        return treated(trace, choice, call)
    if not has_derivative(call):
        call.sources = sources_of([Paired.of(a, b) for a, b in given if differentiable(a) and a is not b])
        return treated(trace, choice, call)
    if trace.options.strict:
        raise UnsupportedOperationError(
            f"{call.name} (first met in {trace.where()}) has no rule in closed form; "
            "strict=True refuses the line integral"
        )
    return treated(trace, line_integral, call)


def has_derivative(call: Call) -> bool:
    """Whether PyTorch has a gradient of a call. An operation of a library without one may say so only when it is asked,
    or give none.
    """
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            arguments = detached((call.values, call.value_options))
            leaves = [t for t in tree_leaves(arguments) if isinstance(t, Tensor) and t.requires_grad]
            found = [t for t in tree_leaves(call.operation(*arguments[0], **arguments[1])) if isinstance(t, Tensor)]
            found = [t for t in found if t.requires_grad]
            if not found:
                return False
            gradients = torch.autograd.grad(found, leaves, [torch.ones_like(t) for t in found], allow_unused=True)
    except RuntimeError as error:
        return "derivative" not in str(error) and "autograd" not in str(error).lower()
    return any(gradient is not None for gradient in gradients)


def detached(arguments: Any) -> Any:
    """Arguments as leaves with a gradient."""
    return tree_map_only(Tensor, lambda t: t.detach().requires_grad_() if differentiable(t) else t, arguments)


def require_finite(trace: Trace, call: Call, value: Any, reference: Any) -> None:
    """See that a result is finite, but for the infinity of a mask, if its arguments are.

    Raises:
        NotFiniteError: it is not; names the submodule and the operation.
    """

    def bad(x: Any) -> bool:
        if isinstance(x, (list, tuple)):
            return any(bad(a) for a in x)
        return isinstance(x, Tensor) and differentiable(x) and not all_finite(x)

    for stream, result, arguments in (("input", value, call.values), ("reference", reference, call.references)):
        if bad(result) and not bad(arguments):
            raise NotFiniteError(
                f"the network itself gives NaN or Inf on the {stream}: first in {trace.where()}, from {call.name}"
            )
