"""In-place operations and views, by rebinding.

Autograd never sees an in-place operation of the network: its functional form is run, and the tensor that was
written to is pointed at the result. A view remembers the tensor it was taken from and how (a chain of ATen
view calls), so that a write to either is seen through the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from l2xbench.attribution.dispatch import Paired


@dataclass
class View:
    """One view call: `operation(parent, *args, **options)`."""

    operation: Any
    args: tuple[Any, ...]
    options: dict[str, Any]

    def __call__(self, parent: Tensor) -> Tensor:
        return self.operation(parent, *self.args, **self.options)


def parts(name: str, args: tuple[Any, ...], options: dict[str, Any], results: list[Tensor]) -> list[View]:
    """The views of a call that returns several, each by itself: autograd lets a single view be written to."""
    dim = options.get(
        "dim", args[0 if name.startswith("unbind") else 1] if len(args) > (0 if name.startswith("unbind") else 1) else 0
    )
    if name.startswith("unbind"):
        return [View(torch.ops.aten.select.int, (dim, index), {}) for index in range(len(results))]
    views, start = [], 0
    for result in results:
        size = result.shape[dim]
        views.append(View(torch.ops.aten.slice.Tensor, (dim, start, start + size), {}))
        start += size
    return views


def replay(root: Tensor, path: tuple[View, ...], grad: bool) -> Tensor:
    """Take the view again."""
    with torch.set_grad_enabled(grad):
        for view in path:
            root = view(root)
    return root


def write(target: Paired, value: Tensor, reference: Tensor) -> None:
    """Make `target`, and all that shares its memory, hold the new pair."""
    root = target._root
    if root is target:
        target._value, target._reference = value, reference
    else:
        same = root._reference is root._value and reference is value
        root._value, old = scattered(root._value, target._path, value, grad=True), root._reference
        root._reference = root._value if same else scattered(old, target._path, reference, grad=False)
        target._value, target._reference = value, reference
    root._version_written += 1
    target._version_seen = root._version_written


def scattered(root: Tensor, path: tuple[View, ...], value: Tensor, grad: bool) -> Tensor:
    """A copy of `root` in which the view's part is `value`."""
    with torch.set_grad_enabled(grad):
        fresh = root.clone(memory_format=torch.preserve_format)
        replay(fresh, path, grad).copy_(value)
    return fresh


def overlaps(tensor: Tensor) -> bool:
    """Whether several elements share memory (an expanded tensor)."""
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.size(), strict=True))


@dataclass(frozen=True)
class Traits:
    """What an ATen operation's schema says about it."""

    name: str
    arguments: tuple[str, ...]
    is_view: bool = False
    mutates: tuple[int | str, ...] = ()
    functional: Any = None
    fills: bool = False


FILLS = {"normal_", "uniform_", "random_", "bernoulli_", "exponential_", "geometric_", "cauchy_", "log_normal_"}
RENAMED = {"_index_put_impl_": "index_put"}


@cache
def traits(func: Any) -> Traits:
    """Read an operation's schema once."""
    schema = func._schema
    namespace, _, name = schema.name.partition("::")
    plain = name if namespace in ("aten", "prims") else schema.name
    arguments = tuple(argument.name for argument in schema.arguments)
    mutates: list[int | str] = []
    for position, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            mutates.append(argument.name if argument.kwarg_only else position)
    if not mutates:
        is_view = any(r.alias_info is not None and not r.alias_info.is_write for r in schema.returns)
        return Traits(plain, arguments, is_view=is_view)
    functional = functional_form(namespace, name, func)
    return Traits(plain, arguments, mutates=tuple(mutates), functional=functional, fills=plain in FILLS)


def functional_form(namespace: str, name: str, func: Any) -> Any:
    """The operation that returns what this one writes: `add_.Tensor` -> `add.Tensor`, `sum.IntList_out` ->
    `sum.dim_IntList`.
    """
    library = getattr(torch.ops, namespace)
    base = RENAMED.get(name, name.removesuffix("_"))
    packet = getattr(library, base, None)
    if packet is None:
        return None
    overload = func._overloadname
    if base != name and overload in packet.overloads():
        return getattr(packet, overload)
    wanted = [
        argument.name
        for argument in func._schema.arguments
        if argument.alias_info is None or not argument.alias_info.is_write
    ]
    if base != name:
        wanted = [argument.name for argument in func._schema.arguments]
    for candidate in packet.overloads():
        form = getattr(packet, candidate)
        writes = any(a.alias_info is not None and a.alias_info.is_write for a in form._schema.arguments)
        if not writes and [a.name for a in form._schema.arguments] == wanted:
            types = {a.name: str(a.type) for a in form._schema.arguments}
            if all(types[a.name] == str(a.type) for a in func._schema.arguments if a.name in types):
                return form
    return None
