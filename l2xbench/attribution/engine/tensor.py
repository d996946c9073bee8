"""Tensors that carry their reference along.

A `Paired` tensor is a shell (shape, type, device) around two plain tensors: the value, with an autograd graph whose
gradients are multipliers, and the reference, without a graph. PyTorch takes every call, method, operator, scripted
function and custom `autograd.Function` of a network apart into ATen operations and hands each to
`Paired.__torch_dispatch__`, which passes it to the handler of the pass that is running (`handling`). What the shell
remembers is changed here; what is done with an operation, in the files that the handler comes from.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from l2xbench.attribution.engine.views import View, overlaps, take_again, written_through
from l2xbench.attribution.errors import AttributionError
from l2xbench.system.torch_parts import (
    DisableTorchFunction,
    RestoreDispatch,
    disabled_torch_function,
    set_grad_enabled,
    tree_map_only,
)

T = TypeVar("T")
Handler = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]
"""(ATen operation, arguments, options) -> its result, paired."""
StreamPairs = list[tuple[Tensor, Tensor]]
"""Tensors of both streams, value first."""

_local = threading.local()


@contextmanager
def handling(handler: Handler, mark: object) -> Iterator[None]:
    """Let `handler` carry out this thread's operations on paired tensors; `mark` tells those of this pass."""
    previous = getattr(_local, "handler", None), getattr(_local, "mark", None)
    _local.handler, _local.mark = handler, mark
    try:
        yield
    finally:
        _local.handler, _local.mark = previous


@dataclass(slots=True)
class Origin:
    """Where a discrete tensor that differs between the streams (a truth, an integer) comes from."""

    sources: StreamPairs
    """The differing tensors with a gradient that it was made from."""
    operation: Any = None
    """The ATen operation that gave it, where that tells how it is a number (a comparison, integer arithmetic)."""
    args: tuple[Any, ...] = ()
    """Those of the operation, as they were then."""
    options: dict[str, Any] | None = None
    number: Callable[[], Paired] | None = None
    """What it is as a number, with multipliers, where it was written to since it was made."""

    def of_view(self, path: tuple[View, ...]) -> Origin:
        """That of a view of a tensor that was written to."""
        whole = self.number
        assert whole is not None

        def number() -> Paired:
            part = whole()
            with torch.no_grad():
                for view in path:
                    part = view.operation(part, *view.args, **view.options)
            return part

        return Origin(self.sources, number=number)


class Paired(Tensor):
    """A tensor with its reference. Only made inside a paired pass."""

    _value: Tensor
    _reference: Tensor
    _viewed: Paired | None = None
    """What this is a view of; None, not itself, for what is no view: a cycle would outlive its use."""
    _path: tuple[View, ...] = ()
    _version_written: int = 0
    _version_seen: int = 0
    _origin: Origin | None = None
    mark: object = None
    """The pass that made it."""
    noted: Any = None
    """Where a pass notes the multiplier of this tensor (`taps.Tap`): it is `stale` once the tensor is read again."""
    members: Paired | None = None
    """Which places each stream selects, where these are the indices of all that either does (see `ragged`)."""

    __torch_function__ = disabled_torch_function

    @staticmethod
    def of(value: Tensor, reference: Tensor, root: Paired | None = None, path: tuple[View, ...] = ()) -> Paired:
        """Pair two plain tensors of one shape and type.

        `root` and `path` say of which paired tensor this is a view, and how it was taken.
        """
        strides = value.stride()
        if reference is not value and reference.stride() != strides and not overlaps(value):
            reference = torch.empty_strided(value.size(), strides, dtype=value.dtype, device=value.device).copy_(
                reference
            )
        shell: Paired = Tensor._make_wrapper_subclass(
            Paired, value.size(), strides, value.storage_offset(), dtype=value.dtype, device=value.device
        )
        shell._value, shell._reference = value, reference
        shell.mark = getattr(_local, "mark", None)
        if root is not None:
            shell._viewed, shell._path, shell._version_seen = root, path, root._version_written
        return shell

    @property
    def origin(self) -> Origin | None:
        """Where a discrete tensor that differs between the streams comes from; None for any other."""
        root = self._viewed
        if root is None or root._origin is None or root._origin.number is None:
            return self._origin
        return root._origin.of_view(self._path)

    @origin.setter
    def origin(self, origin: Origin | None) -> None:
        self._origin = origin

    @property
    def root(self) -> Paired:
        """What this is a view of, itself where it is no view."""
        return self if self._viewed is None else self._viewed

    def pair(self) -> tuple[Tensor, Tensor]:
        """Value and reference, read again if what this is a view of was written to.

        Both are one object where the tensor has no difference.
        """
        root = self if self._viewed is None else self._viewed
        if root._version_written != self._version_seen:
            self._value = take_again(root._value, self._path, grad=True)
            self._reference = (
                self._value if root._reference is root._value else take_again(root._reference, self._path, grad=False)
            )
            self._version_seen = root._version_written
            if self.noted is not None:
                self.noted.stale = True
        return self._value, self._reference

    def view_by(self, view: View, value: Tensor, reference: Tensor) -> Paired:
        """The pair that one more view call on this tensor gave."""
        return Paired.of(value, reference, self.root, (*self._path, view))

    def write(self, value: Tensor, reference: Tensor) -> None:
        """Make this tensor, and all that shares its memory, hold the new pair."""
        root = self.root
        if root is self:
            self._value, self._reference = value, reference
        else:
            same = root._reference is root._value and reference is value
            old = root._reference
            root._value = written_through(root._value, self._path, value, grad=True)
            root._reference = root._value if same else written_through(old, self._path, reference, grad=False)
            self._value, self._reference = value, reference
        root._version_written += 1
        self._version_seen = root._version_written

    def in_own_shell(self) -> Paired:
        """The same tensor in another shell: what was made by operations on paired tensors, inside of one, must not be
        returned as that one's result.
        """
        shell = Paired.of(self._value, self._reference, self._viewed, self._path)
        shell._version_seen, shell.origin, shell.members = self._version_seen, self._origin, self.members
        return shell

    def as_it_is(self) -> Paired:
        """The same numbers in a tensor of their own, which later writes to this one leave as they are."""
        shell = Paired.of(*self.pair())
        shell.origin, shell.members = self.origin, self.members
        return shell

    def become_view(self, root: Paired, view: View, value: Tensor, reference: Tensor) -> None:
        """Turn this shell into a view of `root`: its own geometry was changed in place."""
        self._value, self._reference, self._viewed, self._path = value, reference, root, (view,)
        self._version_seen = root._version_written

    def share(self, other: Paired) -> None:
        """Turn this shell, whose own geometry is `other`'s by now, into a view of what `other` is a view of."""
        value, reference = other.pair()
        self._value, self._reference, self._viewed, self._path = value, reference, other.root, other._path
        self._version_seen, self.origin, self.members = other.root._version_written, other.origin, other.members

    def __deepcopy__(self, memo: dict[int, Any]) -> Paired:
        if id(self) not in memo:
            with torch.no_grad():
                memo[id(self)] = torch.ops.aten.clone.default(self)
        found: Paired = memo[id(self)]
        return found

    def __format__(self, form: str) -> str:
        # as of a plain tensor; text may become a number again, which is then one that was taken out
        return format(self.item(), form) if self.dim() == 0 else object.__format__(self, form)

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Paired({self._value!r}, reference={self._reference!r})"

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        handler: Handler | None = getattr(_local, "handler", None)
        if handler is None:
            return func(*tree_map_only(Paired, left_over, args), **tree_map_only(Paired, left_over, kwargs or {}))
        # Composed treatments use paired tensors (this is `enable_reentrant_dispatch` without its layers of Python,
        # which every operation would pass through).
        with RestoreDispatch():
            return with_gradients(handler, func, args, kwargs or {})


def left_over(tensor: Paired) -> Tensor:
    """A tensor of a pass that has ended, which the network kept where it is not put back, as a plain one.

    Raises:
        AttributionError: it depends on what was explained.
    """
    value, reference = tensor.pair()
    if value is not reference:
        raise AttributionError(
            "a tensor of a paired forward was used after its context ended, or in another thread: the network keeps it "
            "outside its modules (in a global variable, say)"
        )
    return value.detach()


def with_gradients(step: Callable[..., T], *given: Any) -> T:
    """`step(*given)`, a step of the engine amid the network's: whatever the network says about gradients (`no_grad`,
    inference mode), the value stream has them.
    """
    if torch.is_inference_mode_enabled():
        with torch.inference_mode(False):
            return with_gradients(step, *given)
    before = torch.is_grad_enabled()
    set_grad_enabled(True)
    try:
        with DisableTorchFunction():
            return step(*given)
    finally:
        set_grad_enabled(before)


def paired(value: Any, reference: Any) -> Any:
    """Pair a result of both streams: a tensor, or a list or tuple of them; anything else as the value stream has it."""
    if isinstance(value, Tensor):
        return Paired.of(value, reference)
    if isinstance(value, (tuple, list)):
        return type(value)(paired(v, r) for v, r in zip(value, reference, strict=True))
    return value


def in_own_shells(result: Any) -> Any:
    """A result, its paired tensors in shells of their own (see `Paired.in_own_shell`)."""
    if isinstance(result, Paired):
        return result.in_own_shell()
    if isinstance(result, (tuple, list)):
        return type(result)(in_own_shells(item) for item in result)
    return result


def streams_of(result: Any) -> tuple[Any, Any]:
    """Value and reference of a result: a tensor, paired or plain, or a list or tuple of them."""
    if isinstance(result, Paired):
        return result.pair()
    if isinstance(result, (tuple, list)):
        pairs = [streams_of(item) for item in result]
        return type(result)(v for v, _ in pairs), type(result)(r for _, r in pairs)
    return result, result
