"""Tensors that carry their reference along, and how an unmodified network's operations are run on them.

A `Paired` tensor is a shell (shape, type, device) around two plain tensors: the value, with an autograd graph
whose gradients are multipliers, and the reference, without a graph. PyTorch takes every call, method,
operator, scripted function and custom `autograd.Function` of a network apart into ATen operations and hands
each to `Paired.__torch_dispatch__`; there the rule for that operation is looked up and run on both streams.
The network itself runs under `no_grad`: whatever it says about gradients (`detach`, `no_grad`, checkpointing)
does not cut the multipliers.
"""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._mode_utils import no_dispatch
from torch.utils._pytree import tree_leaves

from l2xbench.attribution import mutation
from l2xbench.attribution.errors import (
    AttributionError,
    NotFiniteError,
    UnsupportedOperationError,
)
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.rules import find
from l2xbench.attribution.rules.comparisons import ARITHMETIC, COMPARISONS, INTEGER, truth
from l2xbench.attribution.rules.integral import fallback
from l2xbench.attribution.rules.registry import Call, OperationRecord, without_gradient
from l2xbench.attribution.rules.selection import Choice, chosen, differentiable, select


@dataclass
class Session:
    """What one paired forward knows."""

    model: nn.Module
    dtype: torch.dtype
    device: str = "cpu"
    strict: bool = False
    check_finite: bool = False
    still: bool = False
    """Places that one stream alone selects have no difference (see `uneven.py`)."""
    raises: bool = False
    """The network's parameters have a lower precision than the computation."""
    records: dict[tuple[str, str], OperationRecord] = field(default_factory=dict)
    written: dict[int, Paired] = field(default_factory=dict)
    """Storage of a plain tensor into which the network wrote paired data -> the whole storage as a paired tensor."""
    keep: list[Tensor] = field(default_factory=list)
    """Holds those plain tensors, so that no other takes their place in memory."""
    names: dict[int, str] = field(default_factory=dict)
    """The submodules' names."""
    calling: Any = None
    """The call of the network that is being taken apart."""
    writes_out: bool = False
    leaks: list[str] = field(default_factory=list)
    """Python numbers read from tensors whose value differs from their reference: operation and submodule."""
    uneven: list[str] = field(default_factory=list)
    """Selections of different size in the two streams: what they are, in words."""

    def record(self, name: str, kind: str) -> OperationRecord:
        found = self.records.get((name, kind))
        if found is None:
            found = self.records[name, kind] = OperationRecord(name, kind, where=self.where())
        found.count += 1
        return found

    def where(self) -> str:
        """The innermost submodule that is running, read off the stack: no hooks on the network."""
        if not self.names:
            self.names.update((id(module), name) for name, module in self.model.named_modules())
        names = self.names
        frame = sys._getframe(1)
        while frame is not None:
            owner = frame.f_locals.get("self")
            if isinstance(owner, nn.Module) and id(owner) in names:
                return names[id(owner)] or type(owner).__name__
            frame = frame.f_back  # type: ignore[assignment]
        return "the network"


_local = threading.local()


def session() -> Session:
    """The paired forward that is running in this thread."""
    current = getattr(_local, "session", None)
    if current is None:
        raise AttributionError("a tensor of a paired forward was used after its context ended")
    return current


class Paired(Tensor):
    """A tensor with its reference. Only made inside a paired forward."""

    _value: Tensor
    _reference: Tensor
    _viewed: Paired | None = None
    """What this is a view of; None, not itself, for what is no view: a cycle would outlive its use."""
    _path: tuple[mutation.View, ...] = ()
    _version_written: int = 0
    _version_seen: int = 0
    _discrete: bool = False
    """Whether this is a truth or an integer that differs between the streams."""
    _made: Any = None
    """Of such a one, the operation, arguments and options that gave it, where they tell how it is a number."""
    _members: Any = None
    """Of indices of all places that either stream selects: which of them each does (`uneven.py`)."""
    _sources: Any = ()
    """What a discrete tensor (an index, a mask) was made from: pairs of tensors."""

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @staticmethod
    def of(value: Tensor, reference: Tensor, root: Paired | None = None, path: tuple[Any, ...] = ()) -> Paired:
        """Pair two streams; `root` and `path` say of which tensor this is a view."""
        strides = value.stride()
        if reference is not value and reference.stride() != strides and not mutation.overlaps(value):
            reference = torch.empty_strided(value.size(), strides, dtype=value.dtype, device=value.device).copy_(
                reference
            )
        shell = Tensor._make_wrapper_subclass(
            Paired, value.size(), strides, value.storage_offset(), dtype=value.dtype, device=value.device
        )
        shell._value, shell._reference = value, reference
        if root is not None:
            shell._viewed, shell._path, shell._version_seen = root, path, root._version_written
        return shell

    @property
    def _root(self) -> Paired:
        return self if self._viewed is None else self._viewed

    def pair(self) -> tuple[Tensor, Tensor]:
        """The two streams, read again if what this is a view of was written to."""
        root = self._root
        if root._version_written != self._version_seen:
            self._value = mutation.replay(root._value, self._path, grad=True)
            self._reference = (
                self._value
                if root._reference is root._value
                else mutation.replay(root._reference, self._path, grad=False)
            )
            self._version_seen = root._version_written
        return self._value, self._reference

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Paired({self._value!r}, reference={self._reference!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        # Rules may use paired tensors (this is `enable_reentrant_dispatch` without its layers of Python, which every
        # operation would pass through).
        with torch._C._RestorePythonTLSSnapshot():  # type: ignore[attr-defined]
            return follow(run, session(), func, args, kwargs or {})


def follow(step: Any, *given: Any) -> Any:
    """A step of ours amid the network's: whatever that says about gradients, the value stream has them."""
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False):
            return follow(step, *given)
    before = torch.is_grad_enabled()
    torch._C._set_grad_enabled(True)
    try:
        with torch._C.DisableTorchFunction():
            return step(*given)
    finally:
        torch._C._set_grad_enabled(before)


def run(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """One ATen operation, some of whose arguments are paired."""
    traits = mutation.traits(func)
    if traits.name in SHAPES_ONLY:
        return func(*(split(state, a)[0] for a in args), **{k: split(state, v)[0] for k, v in kwargs.items()})
    special = SPECIAL.get(traits.name)
    if special is not None:
        return special(state, func, args, kwargs)
    if traits.mutates:
        return mutate(state, traits, func, args, kwargs)
    if traits.name in ARITHMETIC:
        args = numbers(state, traits.name, args, kwargs)
    elif traits.name in CONDITIONAL:
        numeric = by_number(state, traits.name, args)
        if numeric is not None:
            return numeric
    value, reference = streams(state, traits, func, args, kwargs)
    result = paired_result(traits, func, args, kwargs, value, reference, state)
    label(func, args, kwargs, result)
    return result


def paired_result(
    traits: mutation.Traits, func: Any, args: Any, kwargs: dict[str, Any], value: Any, reference: Any, state: Session
) -> Any:
    """Pair what both streams gave; a view remembers what of."""
    if traits.is_view:
        source = args[0] if isinstance(args[0], Paired) else as_paired(state, args[0])
        if isinstance(value, Tensor):
            return Paired.of(value, reference, source._root, (*source._path, mutation.View(func, args[1:], kwargs)))
        views = mutation.parts(traits.name, args[1:], kwargs, value)
        return type(value)(
            Paired.of(v, r, source._root, (*source._path, view))
            for v, r, view in zip(value, reference, views, strict=True)
        )
    return wrap(value, reference)


def label(func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> None:
    """Let a discrete result (a comparison, an index) remember what it was made from."""
    if isinstance(result, Paired) and result.dtype.is_floating_point:
        return
    members = next((a._members for a in args if type(a) is Paired and a._members is not None), None)
    for item in result if isinstance(result, (list, tuple)) else (result,):
        if not isinstance(item, Paired) or differentiable(item._value):
            continue
        item._members = members
        if item._value is item._reference:
            continue
        if torch.equal(item._value, item._reference):
            item._reference = item._value
        else:
            item._discrete, item._sources = True, sources_of((args, kwargs))
            name = mutation.traits(func).name
            if name in COMPARISONS or name in INTEGER or name == "_to_copy":
                item._made = func, args, kwargs


def sources_of(arguments: Any) -> list[tuple[Tensor, Tensor]]:
    """The differing tensors with a gradient that some arguments are, or were chosen by."""
    found: list[tuple[Tensor, Tensor]] = []
    for argument in tree_leaves(arguments):
        if isinstance(argument, Paired):
            value, reference = argument.pair()
            if value is not reference:
                found += [(value, reference)] if differentiable(value) else argument._sources
    return found


def by_number(state: Session, name: str, args: Any) -> Any:
    """`where` and `masked_fill` of constants by a truth: b + c (a - b), with the truth's multipliers."""
    c, a, b = (args[1], args[2], args[0]) if name == "masked_fill" else args
    if not (isinstance(c, Paired) and c._discrete) or any(isinstance(t, Paired) for t in (a, b)):
        return None
    if not all(math.isfinite(t) if isinstance(t, (int, float)) else all_finite(t) for t in (a, b)):
        return None
    number = as_number(state, c)
    with torch.no_grad():
        return number * (a - b) + b


def streams(state: Session, traits: mutation.Traits, func: Any, args: Any, kwargs: dict[str, Any]) -> tuple[Any, Any]:
    """Both streams' results of an operation that changes nothing in place."""
    before = BEFORE.get(traits.name)
    if before is not None:
        pair = before(state, func, args, kwargs)
        if pair is not None:
            return pair
    values, references, moving, carried = list(args), list(args), [], False
    for i, argument in enumerate(args):
        if type(argument) in NUMBERS:
            continue
        values[i], references[i] = v, r = split(state, argument)
        if v is not r:
            moving.append(traits.arguments[i])
            carried = carried or carries_gradient(v)
    value_options, reference_options = kwargs, kwargs
    if kwargs:
        value_options, reference_options = {}, {}
        for name, argument in kwargs.items():
            value_options[name], reference_options[name] = v, r = split(state, argument)
            if v is not r:
                moving.append(name)
                carried = carried or carries_gradient(v)
    if not moving:
        value = without_gradient(func, values, value_options)
        return value, value
    still = frozenset(moving)
    entry = find(traits.name, still)
    record = OperationRecord(traits.name, "") if entry is None else state.record(traits.name, entry.kind)
    call = Call(func, values, references, value_options, reference_options, still, record)
    if not carried or traits.name in CONDITIONAL:
        call.sources = sources_of(
            (args, kwargs) if not carried else [a for a in args if type(a) is Paired and a._discrete]
        )
    if not carried and entry is not None and entry.kind != "selection":
        entry = None
    value, reference = without_rule(state, call) if entry is None else entry.apply(call)
    if state.check_finite:
        check_finite(state, call, value, reference)
    return value, reference


def carries_gradient(argument: Any) -> bool:
    """Whether an argument, or something in a list, is floating or complex."""
    if isinstance(argument, (list, tuple)):
        return any(differentiable(a) for a in argument)
    return differentiable(argument)


def without_rule(state: Session, call: Call) -> Any:
    """A selection or comparison, whose result has no derivative, or the line integral."""
    with torch.no_grad():
        probe = call.reference()
    flat = probe if isinstance(probe, (tuple, list)) else (probe,)
    if not any(differentiable(t) for t in flat):
        call.record = state.record(call.name, "comparison")
        return select(call, probe)
    if call.sources or not any(
        carries_gradient(a) and a is not b for a, b in zip(call.values, call.references, strict=True)
    ):
        call.record = state.record(call.name, "selection")
        return chosen(call)
    call.record = state.record(call.name, "line integral")
    if state.strict:
        raise UnsupportedOperationError(
            f"{call.name} (first met in {state.where()}) has no rule in closed form; "
            "strict=True refuses the line integral"
        )
    return fallback(call)


CONDITIONAL = {"where", "masked_fill"}
NUMBERS = {int, float, bool, type(None)}


def split(state: Session, argument: Any) -> tuple[Any, Any]:
    """An argument for the value stream and for the reference stream, in the precision of the computation."""
    if isinstance(argument, Paired):
        return argument.pair()
    if isinstance(argument, Tensor):
        if state.written:
            found = as_written(state, argument)
            if found is not None:
                return found.pair()
        if argument.requires_grad:
            argument = argument.detach()
        if argument.dtype in LOW and argument.dtype != state.dtype:
            argument = argument.to(raise_dtype(argument.dtype, state.dtype))
        return argument, argument
    if isinstance(argument, (list, tuple)):
        if any(isinstance(a, Tensor) for a in argument):
            pairs = [split(state, a) for a in argument]
            if all(v is r for v, r in pairs):
                same = [v for v, _ in pairs]
                return same, same
            return [v for v, _ in pairs], [r for _, r in pairs]
        return argument, argument
    if isinstance(argument, torch.dtype):
        raised = raise_dtype(argument, state.dtype)
        return raised, raised
    return argument, argument


LOW = {torch.float16, torch.bfloat16, torch.float32, torch.complex32, torch.complex64}


def raise_dtype(dtype: torch.dtype, to: torch.dtype) -> torch.dtype:
    """Never below the precision of the computation: half-precision networks are explained in float32."""
    if dtype not in LOW:
        return dtype
    if dtype.is_complex:
        return torch.complex128 if to == torch.float64 else torch.complex64
    return to


def wrap(value: Any, reference: Any) -> Any:
    """Pair a result: a tensor, or a list or tuple of them."""
    if isinstance(value, Tensor):
        return Paired.of(value, reference)
    if isinstance(value, (tuple, list)):
        return type(value)(wrap(v, r) for v, r in zip(value, reference, strict=True))
    return value


def mutate(state: Session, traits: mutation.Traits, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An in-place operation or one with `out=`: its functional form, then the result written to where it belongs."""
    targets = [
        args[m] if isinstance(m, int) else kwargs[m] for m in traits.mutates if isinstance(m, int) or m in kwargs
    ]
    if traits.fills:
        target = targets[0]
        fresh = torch.empty_like(target._value if isinstance(target, Paired) else target)
        with torch.no_grad():
            func(fresh, *args[1:], **kwargs)
        store(state, target, fresh, fresh)
        return target
    if torch.Tag.inplace_view in func.tags and isinstance(targets[0], Paired):
        return reshape_in_place(targets[0], traits.name, func, args, kwargs)
    if traits.functional is None:
        raise UnsupportedOperationError(
            f"{traits.name} (in {state.where()}) changes a tensor in place and is not supported"
        )
    options = {k: v for k, v in kwargs.items() if k not in traits.mutates}
    form = mutation.traits(traits.functional)
    if form.name in ARITHMETIC:
        args = numbers(state, form.name, args, kwargs)
    numeric = by_number(state, form.name, args) if form.name == "masked_fill" and len(args) == 3 else None
    value, reference = streams(state, form, traits.functional, args, options) if numeric is None else numeric.pair()
    results = ((value, reference),) if isinstance(value, Tensor) else tuple(zip(value, reference, strict=True))
    if any(
        target.shape != v.shape and v.numel() > target.numel() for target, (v, _) in zip(targets, results, strict=False)
    ):
        return wrap(value, reference)  # `out=` of another size, which PyTorch would resize
    for target, (v, r) in zip(targets, results, strict=False):
        store(state, target, v, r)
    return targets[0] if len(targets) == 1 else tuple(targets)


def reshape_in_place(target: Paired, name: str, func: Any, args: Any, kwargs: dict[str, Any]) -> Paired:
    """`squeeze_`, `transpose_` ...: the shell's own geometry changes, and it becomes a view of what it was."""
    before = Paired.of(*target.pair())
    if name == "resize_":
        view = mutation.View(torch.ops.aten.view.default, (list(args[1]),), {})
    else:
        packet = getattr(torch.ops.aten, name.removesuffix("_"))
        overload = func._overloadname if func._overloadname in packet.overloads() else packet.overloads()[0]
        view = mutation.View(getattr(packet, overload), args[1:], kwargs)
    value, reference = before.pair()
    same = value is reference
    value = view(value)
    reference = value if same else mutation.replay(reference, (view,), grad=False)
    with no_dispatch():
        func(*args, **kwargs)
    target._value, target._reference, target._viewed, target._path = value, reference, before, (view,)
    target._version_seen = before._version_written
    return target


def store(state: Session, target: Tensor, value: Tensor, reference: Tensor) -> None:
    """Write a pair into a paired tensor, or into a plain one that is followed from now on."""
    if not isinstance(target, Paired):
        require_followed(state)
        target = as_paired(state, target)
    current, _ = target.pair()
    same = reference is value
    if value.dtype != current.dtype:
        value = value.to(current.dtype)
    if value.shape != current.shape:
        value = value.expand(current.shape)
    if same:
        reference = value
    else:
        with torch.no_grad():
            reference = reference.to(current.dtype).expand(current.shape)
    mutation.write(target, value, reference)


def require_followed(state: Session) -> None:
    """Paired data may be written into a plain tensor by the network's own call, whose later reads are seen;
    not by the inner steps of a compiled one, whose reads are not.
    """
    call = state.calling
    name = getattr(call, "__name__", "a scripted function")
    if not (isinstance(call, FunctionType) or name.endswith("_") or state.writes_out):
        raise UnsupportedOperationError(
            f"{name} in {state.where()} writes into a tensor of its own, where the reference cannot be followed"
        )


def as_written(state: Session, plain: Tensor) -> Paired | None:
    """The pair behind a plain tensor whose memory the network wrote paired data to."""
    if plain.layout != torch.strided or not state.written:
        return None
    root = state.written.get(plain.untyped_storage().data_ptr())
    if root is None or plain.numel() == 0:
        return None
    return view_of_storage(root, plain)


def view_of_storage(root: Paired, plain: Tensor) -> Paired:
    """A plain tensor as a view of its paired storage."""
    geometry = (plain.size(), plain.stride(), plain.storage_offset())
    path = (mutation.View(torch.ops.aten.as_strided.default, geometry, {}),)
    value = mutation.replay(root._value, path, grad=True)
    reference = value if root._reference is root._value else mutation.replay(root._reference, path, grad=False)
    return Paired.of(value, reference, root, path)


def as_paired(state: Session, plain: Tensor) -> Paired:
    """Follow a plain tensor's memory from now on: paired, with no difference yet."""
    found = as_written(state, plain)
    if found is not None:
        return found
    storage = plain.untyped_storage()
    with torch.no_grad():
        flat = torch.empty(0, dtype=plain.dtype, device=plain.device).set_(storage)
        flat = flat.clone()
        if flat.dtype in LOW:
            flat = flat.to(raise_dtype(flat.dtype, state.dtype))
    root = Paired.of(flat, flat)
    state.written[storage.data_ptr()] = root
    state.keep.append(plain)
    return view_of_storage(root, plain)


def check_finite(state: Session, call: Call, value: Any, reference: Any) -> None:
    """Raise at the first operation whose result is NaN, or Inf other than a mask's, though its arguments were
    finite.
    """

    def bad(x: Any) -> bool:
        if isinstance(x, (list, tuple)):
            return any(bad(a) for a in x)
        return isinstance(x, Tensor) and (x.is_floating_point() or x.is_complex()) and not all_finite(x)

    for stream, result, arguments in (("input", value, call.values), ("reference", reference, call.references)):
        if bad(result) and not bad(arguments):
            raise NotFiniteError(
                f"the network itself gives NaN or Inf on the {stream}: first in {state.where()}, from {call.name}"
            )


SPECIAL: dict[str, Any] = {}
"""ATen operation -> what is done instead, `(state, operation, args, kwargs) -> result`."""
BEFORE: dict[str, Any] = {}
"""ATen operation -> `(state, operation, args, kwargs)` -> both streams' results, or None where its rule will do."""


def numbers(state: Session, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    """Put a truth's 0 or 1, or an integer, that differs between the streams in its place as a number with multipliers,
    where the operation's result is no longer discrete.
    """
    if not any(a._discrete for a in args if type(a) is Paired):
        return args
    if name == "_to_copy":
        stays = not (kwargs.get("dtype") or torch.bool).is_floating_point
    else:
        stays = name not in ("div", "mean") and not any(
            isinstance(a, float) or (isinstance(a, Tensor) and differentiable(a)) for a in args
        )
    return args if stays else tuple(as_number(state, a) for a in args)


def as_number(state: Session, discrete: Any) -> Any:
    """A discrete result as a floating-point pair: a comparison by its chord, an integer by that of the rounding that
    made it; any other choice by an even share of what it was chosen by.
    """
    if not (isinstance(discrete, Paired) and discrete._discrete):
        return discrete
    made = mutation.traits(discrete._made[0]).name if discrete._made else ""
    if made in COMPARISONS:
        pairs = [split(state, as_number(state, c)) for c in discrete._made[1]]
        (a, a_ref), (b, b_ref) = pairs
        return Paired.of(*truth(a, b, a_ref, b_ref, *discrete.pair(), state.dtype))
    if made in INTEGER or made == "_to_copy":
        func, args, kwargs = discrete._made
        before = [as_number(state, a) for a in args]
        with torch.no_grad():
            if made in INTEGER:
                return func(*before, **kwargs)
            return torch.trunc(before[0]) if differentiable(before[0]) else before[0].to(state.dtype)
    value, reference = (t.to(state.dtype) for t in discrete.pair())
    sources = [a for a, _ in discrete._sources], [b for _, b in discrete._sources]
    if sources[0]:
        value = Choice.apply(value, reference, state.record("choice", "selection"), *sources[0], *sources[1])
    return Paired.of(value, reference)


SHAPES_ONLY = {
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like", "new_empty",
    "new_zeros", "new_ones", "new_full", "new_empty_strided", "is_same_size", "empty_permuted",
}  # fmt: skip
"""Operations that take no content from their tensor, the same in both streams."""


@contextmanager
def running(state: Session) -> Iterator[Session]:
    """Make `state` the session of this thread."""
    previous = getattr(_local, "session", None)
    _local.session = state
    try:
        yield state
    finally:
        _local.session = previous
