"""The network's calls before PyTorch takes them apart: what would lose the reference, what is better followed whole."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from l2xbench.attribution.dispatch import LOW, Paired, Session, as_written, follow, raise_dtype, streams, wrap
from l2xbench.attribution.errors import ReferenceLostError
from l2xbench.attribution.mutation import Traits
from l2xbench.attribution.rules.registry import find

LOSSES = {
    Tensor.numpy,
    Tensor.tolist,
    Tensor.data_ptr,
    Tensor.untyped_storage,
    Tensor.storage,
    Tensor.__array__,
    Tensor.__dlpack__,
}


RECURRENT = {"lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell"}
"""Layers whose oneDNN kernel would read memory past the dispatcher; without it they are made of ordinary
operations, which write to their states.
"""


LINEAR = Traits("linear", ("input", "weight", "bias"))
MATMUL = Traits("matmul", ("self", "other"))
NORMALIZE = Traits("normalize", ("input", "p", "dim", "eps", "out"))
WHOLE: dict[Any, Traits] = {
    F.linear: LINEAR,
    torch.matmul: MATMUL,
    Tensor.matmul: MATMUL,
    Tensor.__matmul__: MATMUL,
    F.normalize: NORMALIZE,
}
"""Calls with a rule of their own: fewer steps, and fewer passes over memory, than by their parts."""


UNINITIALISED = {torch.empty, torch.empty_like, torch.empty_strided, Tensor.new_empty, Tensor.new_empty_strided}


class Watch(TorchFunctionMode):
    """Sees the network's calls before they are taken apart.

    It names the calls through which the reference would be lost, follows some as a whole, and puts the pair in the
    place of a plain tensor whose memory was written with paired data.
    """

    def __init__(self, state: Session) -> None:
        super().__init__()
        self.state = state

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        state = self.state
        if func in LOSSES and args and isinstance(args[0], Paired):
            return self.leave(func, args[0], args[1:], kwargs or {})
        if state.written:
            args = substitute(state, args)
            kwargs = {k: substitute(state, v) for k, v in (kwargs or {}).items()}
        name = getattr(func, "__name__", "")
        if state.raises and not name.endswith("_") and any(isinstance(a, Paired) for a in args):
            args = raised(state, args)
            kwargs = {k: raised(state, v) for k, v in (kwargs or {}).items()}
        if func in UNINITIALISED:
            return func(*args, **(kwargs or {})).zero_()  # what lay there must not look like a difference
        if func in WHOLE:
            whole = follow(run_whole, state, WHOLE[func], func, args, kwargs or {})
            if whole is not None:
                return whole
        if name in RECURRENT:
            args = (
                args[0],
                tree_map_only(Tensor, lambda t: t if isinstance(t, Paired) else Paired.of(t, t), args[1]),
                *args[2:],
            )
            with torch.backends.mkldnn.flags(enabled=False):
                return func(*args, **(kwargs or {}))
        outer, state.calling = state.calling, func
        state.writes_out = bool(kwargs) and "out" in kwargs
        try:
            if torch.is_autocast_enabled(state.device):  # the network's own; it would lower what is computed higher
                with torch.autocast(state.device, enabled=False):
                    return func(*args, **(kwargs or {}))
            return func(*args, **kwargs) if kwargs else func(*args)
        finally:
            state.calling = outer

    def leave(self, func: Any, tensor: Paired, args: Any, kwargs: Any) -> Any:
        """Out of PyTorch: allowed for what does not differ between the streams."""
        value, reference = tensor.pair()
        name = getattr(func, "__name__", str(func))
        if value is reference or (name == "tolist" and torch.equal(value, reference)):
            return func(value.detach(), *args, **kwargs)
        raise ReferenceLostError(
            f"{name}() in {self.state.where()} takes a tensor that depends on the input out of PyTorch, "
            "where its reference cannot follow; write this step with torch operations"
        )


def run_whole(state: Session, traits: Traits, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The call by its own rule; None where that does not cover what carries a difference."""
    given = [*zip(traits.arguments, args, strict=False), *kwargs.items()]
    moving = frozenset(name for name, a in given if isinstance(a, Paired) and a.pair()[0] is not a.pair()[1])
    entry = find(traits.name, moving) if moving else None
    if entry is None or not entry.fits(dict(given)):
        return None
    return wrap(*streams(state, traits, func, args, kwargs))


def raised(state: Session, argument: Any) -> Any:
    """Plain tensors of a lower precision in that of the computation, for functions that check types before
    they dispatch.
    """
    return tree_map_only(
        Tensor,
        lambda t: t if isinstance(t, Paired) or t.dtype not in LOW else t.to(raise_dtype(t.dtype, state.dtype)),
        argument,
    )


def substitute(state: Session, argument: Any) -> Any:
    if type(argument) is Tensor or isinstance(argument, nn.Parameter):
        found = as_written(state, argument)
        return argument if found is None else found
    if isinstance(argument, (list, tuple)) and any(isinstance(a, (Tensor, list, tuple)) for a in argument):
        return type(argument)(substitute(state, a) for a in argument) if type(argument) in (list, tuple) else argument
    return argument
