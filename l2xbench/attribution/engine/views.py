"""What a view of a tensor is, and how to take it again and write through it.

Autograd never sees an in-place operation of the network: a view remembers how it was taken from its root (a chain of
ATen view calls), so that a write to either is seen through the other. Everything here works on plain tensors of one
stream; a new kind of view that returns several tensors is entered in `single_views`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class View:
    """One view call: `operation(parent, *args, **options)`."""

    operation: Callable[..., Any]
    args: tuple[Any, ...]
    options: dict[str, Any]

    def __call__(self, parent: Tensor) -> Tensor:
        result: Tensor = self.operation(parent, *self.args, **self.options)
        return result


def single_views(name: str, args: tuple[Any, ...], options: dict[str, Any], results: Sequence[Tensor]) -> list[View]:
    """The views of a call that returns several (`unbind`, `split`), each by itself: autograd lets a single view be
    written to.
    """
    position = 0 if name.startswith("unbind") else 1
    dim = options.get("dim", args[position] if len(args) > position else 0)
    if name.startswith("unbind"):
        return [View(torch.ops.aten.select.int, (dim, index), {}) for index in range(len(results))]
    views, start = [], 0
    for result in results:
        size = result.shape[dim]
        views.append(View(torch.ops.aten.slice.Tensor, (dim, start, start + size), {}))
        start += size
    return views


def take_again(root: Tensor, path: tuple[View, ...], grad: bool) -> Tensor:
    """The view of `root` at the end of a chain of view calls, with or without autograd."""
    with torch.set_grad_enabled(grad):
        for view in path:
            root = view(root)
    return root


def written_through(root: Tensor, path: tuple[View, ...], value: Tensor, grad: bool) -> Tensor:
    """A copy of `root` in which the view's part is `value`."""
    with torch.set_grad_enabled(grad):
        fresh = root.clone(memory_format=torch.preserve_format)
        take_again(fresh, path, grad).copy_(value)
    return fresh


def overlaps(tensor: Tensor) -> bool:
    """Whether several elements share memory (an expanded tensor)."""
    return any(stride == 0 and size > 1 for stride, size in zip(tensor.stride(), tensor.size(), strict=True))
