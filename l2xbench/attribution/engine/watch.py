"""The network's calls before PyTorch takes them apart: what would lose the reference, what is better followed whole."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from l2xbench.attribution.engine.assigned import assign
from l2xbench.attribution.engine.higher_order import higher_order
from l2xbench.attribution.engine.operations import Operation, followed_whole
from l2xbench.attribution.engine.storage import as_written
from l2xbench.attribution.engine.streams import call_of, treated
from l2xbench.attribution.engine.tensor import Paired, paired, with_gradients
from l2xbench.attribution.engine.trace import LOWER, Trace
from l2xbench.attribution.errors import ReferenceLostError
from l2xbench.attribution.rules.own import OwnResult
from l2xbench.attribution.rules.table import REFUSED
from l2xbench.system.torch_parts import HigherOrderOperator, tree_flatten, tree_leaves, tree_map_only, tree_unflatten

LOSSES = {getattr(Tensor, name) for name in REFUSED}

RECURRENT = {
    getattr(torch, name)
    for name in ("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")
}
"""Layers whose oneDNN kernel would read memory past the dispatcher; without it they are made of ordinary
operations, which write to their states.
"""


LINEAR = followed_whole("linear", "input", "weight", "bias")
MATMUL = followed_whole("matmul", "self", "other")
NORMALIZE = followed_whole("normalize", "input", "p", "dim", "eps", "out")
WHOLE: dict[Any, Operation] = {
    F.linear: LINEAR,
    torch.matmul: MATMUL,
    Tensor.matmul: MATMUL,
    Tensor.__matmul__: MATMUL,
    F.normalize: NORMALIZE,
}
"""Calls with a row of their own in the table."""


UNINITIALISED = {
    torch.empty, torch.empty_like, torch.empty_strided, torch.empty_permuted, Tensor.new_empty, Tensor.new_empty_strided
}  # fmt: skip
"""Calls that give memory as it lies there."""

GET_DATA = Tensor.data.__get__  # type: ignore[attr-defined]
SET_DATA = Tensor.data.__set__  # type: ignore[attr-defined]
"""`tensor.data = other`, which no operation tells of."""


RMS_NORM = {F.rms_norm, torch.rms_norm}
"""Calls whose smallest number is that of their precision, unless the network says one."""


DRAWS = {torch.rand, torch.randn}
"""Calls that draw random numbers in a type that the network names."""


ORDINARY = {type(torch.conv2d), type(Tensor.add), type(Tensor.__add__), type(Tensor.shape.__get__), type(F.relu)}  # type: ignore[attr-defined]
"""Types of calls that are functions of tensors, and no operations that are given functions."""

SPECIAL = {*LOSSES, *WHOLE, *UNINITIALISED, *RMS_NORM, *DRAWS, *RECURRENT, GET_DATA, SET_DATA}
SPECIAL.add(F.scaled_dot_product_attention)
"""Calls that something is done about."""


class Watch(TorchFunctionMode):
    """Sees the network's calls before they are taken apart.

    It names the calls through which the reference would be lost, follows some as a whole, and puts the pair in the
    place of a plain tensor whose memory was written with paired data.
    """

    def __init__(self, trace: Trace) -> None:
        super().__init__()
        self.trace = trace

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        trace = self.trace
        if torch.is_autocast_enabled(trace.device):  # the network's own; it would lower what is computed higher
            with torch.autocast(trace.device, enabled=False):
                return self.__torch_function__(func, types, args, kwargs)
        # most calls, and every look at a shape or a type, are none that anything is to be done about
        if type(func) in ORDINARY and func not in SPECIAL and not (trace.written or trace.lower_parameters):
            return self.taken_apart(func, args, kwargs)
        if func in LOSSES and args:
            if isinstance(args[0], Paired):
                return self.leave(func, args[0], args[1:], kwargs or {})
            trace.exposed.hand_on(args[0])
        if func == GET_DATA and not isinstance(args[0], Paired) and args[0].layout == torch.strided:
            data = self.taken_apart(func, args, kwargs)
            trace.exposed.take(data)
            return data
        if func == SET_DATA:
            return with_gradients(assign, trace, func, args, {})
        if trace.written:
            args = substituted(trace, args)
            kwargs = {k: substituted(trace, v) for k, v in (kwargs or {}).items()}
        name = getattr(func, "__name__", "")
        if trace.lower_parameters and not name.endswith("_") and has_paired(args, kwargs):
            args, kwargs = with_gradients(raised, trace, (args, kwargs or {}))
        if func in UNINITIALISED:
            made = func(*args, **(kwargs or {}))
            return made if isinstance(made, Paired) else made.zero_()  # what lay there must not look like a difference
        if func in DRAWS and trace.draws_in not in (None, trace.dtype):
            return drawn(trace, func, args, kwargs or {})
        if func in RMS_NORM and trace.draws_in is not None:
            args, kwargs = with_own_eps(trace.draws_in, args, kwargs or {})
        if isinstance(func, HigherOrderOperator) and has_paired(args, kwargs):
            return higher_order(trace, func, args, kwargs or {})
        if func in WHOLE:
            whole = with_gradients(run_whole, trace, WHOLE[func], func, args, kwargs or {})
            if whole is not None:
                return whole
        if func in RECURRENT:
            args = (
                args[0],
                tree_map_only(Tensor, lambda t: t if isinstance(t, Paired) else Paired.of(t, t), args[1]),
                *args[2:],
            )
            with torch.backends.mkldnn.flags(enabled=False):
                result = func(*args, **(kwargs or {}))
            return as_the_network(func, args, kwargs or {}, result)
        if func is F.scaled_dot_product_attention and has_paired(args, kwargs) and not dropped(args, kwargs or {}):
            return as_the_network(func, args, kwargs or {}, self.taken_apart(func, args, kwargs))
        return self.taken_apart(func, args, kwargs)

    def taken_apart(self, func: Any, args: Any, kwargs: Any) -> Any:
        """The call by the operations that PyTorch makes of it."""
        trace = self.trace
        outer, trace.calling = trace.calling, func
        trace.writes_out = bool(kwargs) and "out" in kwargs
        try:
            return func(*args, **kwargs) if kwargs else func(*args)
        finally:
            trace.calling = outer

    def leave(self, func: Any, tensor: Paired, args: Any, kwargs: Any) -> Any:
        """Out of PyTorch: allowed for what does not differ between the streams."""
        value, reference = tensor.pair()
        name = getattr(func, "__name__", str(func))
        if value is reference or (name == "tolist" and torch.equal(value, reference)):
            return func(value.detach(), *args, **kwargs)
        raise ReferenceLostError(
            f"{name}() in {self.trace.where()} takes a tensor that depends on the input out of PyTorch, "
            "where its reference cannot follow; write this step with torch operations"
        )


def run_whole(trace: Trace, operation: Operation, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The call by its own row of the table; None where that does not cover what carries a difference."""
    if not any(isinstance(a, Paired) for a in (*args, *kwargs.values())) or kwargs.get("out") is not None:
        return None
    call, carried = call_of(trace, operation, func, args, kwargs)
    treatment = operation.treatment(call) if carried else None
    return None if treatment is None else paired(*treated(trace, treatment, call))


def has_paired(args: Any, kwargs: Any) -> bool:
    """Whether a call is given a paired tensor, by position or by name."""
    return any(isinstance(a, Paired) for a in args) or (
        bool(kwargs) and any(isinstance(a, Paired) for a in kwargs.values())
    )


def with_own_eps(precision: torch.dtype, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The arguments of RMSNorm with the smallest number that it has in the network's own precision."""
    if len(args) > 3:
        return (*args[:3], torch.finfo(precision).eps if args[3] is None else args[3]), kwargs
    said = kwargs.get("eps")
    return args, kwargs | {"eps": torch.finfo(precision).eps if said is None else said}


def dropped(args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether attention drops some of its weights at random."""
    return bool(args[4] if len(args) > 4 else kwargs.get("dropout_p", 0.0))


def as_the_network(func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    """What was taken apart, with the numbers that the network's own kernel gives: a later step that sorts or picks
    would make more of the difference.
    """

    def stream(which: int) -> Any:
        given = tree_map_only(Paired, lambda t: t.pair()[which].detach(), (args, kwargs))
        return func(*given[0], **given[1])

    with torch.no_grad():
        own = zip(tree_leaves(stream(0)), tree_leaves(stream(1)), strict=True)
    leaves, layout = tree_flatten(result)
    with_own = [with_gradients(own_numbers, leaf, v, r) for leaf, (v, r) in zip(leaves, own, strict=True)]
    return tree_unflatten(with_own, layout)


def own_numbers(result: Any, value: Tensor, reference: Tensor) -> Any:
    """A paired result with other numbers, and its own multipliers."""
    return Paired.of(OwnResult.apply(result.pair()[0], value), reference) if isinstance(result, Paired) else result


def drawn(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Random numbers as the network draws them in its own precision; in another it would draw others."""
    if kwargs.get("dtype") == trace.dtype:
        kwargs = kwargs | {"dtype": trace.draws_in}
        return func(*args, **kwargs).to(trace.dtype)
    return func(*args, **kwargs)


def raised(trace: Trace, argument: Any) -> Any:
    """Plain tensors of a lower precision in that of the computation, for functions that check types before
    they dispatch.
    """
    return tree_map_only(
        Tensor,
        lambda t: t if isinstance(t, Paired) or t.dtype not in LOWER else t.to(trace.raised(t.dtype)),
        argument,
    )


def substituted(trace: Trace, argument: Any) -> Any:
    if type(argument) is Tensor or isinstance(argument, nn.Parameter):
        found = as_written(trace, argument)
        return argument if found is None else found
    if isinstance(argument, (list, tuple)) and any(isinstance(a, (Tensor, list, tuple)) for a in argument):
        return type(argument)(substituted(trace, a) for a in argument) if type(argument) in (list, tuple) else argument
    return argument
