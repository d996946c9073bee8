"""What becomes of a network's output when one of its blocks no longer tells the image from its reference, or is left
out: what the share of a block is held against.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

Way = Literal["reference", "out"]
"""A block's output becomes what it is for the reference (of one that adds to what it is given: what it adds does), or
what the block was given."""


class Recorder:
    """What each block is given and gives, call by call."""

    def __init__(self) -> None:
        self.calls: dict[str, list[tuple[Tensor, Tensor]]] = {}

    def note(self, name: str) -> Any:
        """The hook for a block."""

        def hook(module: nn.Module, args: Any, result: Any) -> None:
            if args and isinstance(args[0], Tensor) and isinstance(result, Tensor):
                self.calls.setdefault(name, []).append((args[0].detach().clone(), result.detach().clone()))

        return hook


@contextmanager
def hooked(module: nn.Module, hook: Any) -> Iterator[None]:
    """A forward hook while the context lasts."""
    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


def reference_calls(network: nn.Module, reference: Tensor, blocks: Mapping[str, nn.Module]) -> Recorder:
    """What the blocks are given and give for the reference (1, C, H, W)."""
    recorder = Recorder()
    handles = [module.register_forward_hook(recorder.note(name)) for name, module in blocks.items()]
    try:
        with torch.no_grad():
            network(reference)
    finally:
        for handle in handles:
            handle.remove()
    return recorder


def without(
    network: nn.Module,
    image: Tensor,
    module: nn.Module,
    calls: Sequence[tuple[Tensor, Tensor]],
    residual: bool,
    way: Way,
) -> Tensor | None:
    """The network's output for an image, one of its blocks put on its reference or left out.

    Args:
        calls: what the block is given and gives for the reference, call by call.
        residual: whether it adds to what it is given.

    Returns:
        None where that cannot be done: a block that gives something else than a tensor, or another shape than it is
        given and is to be left out.
    """
    number = 0
    failed = False

    def hook(_: nn.Module, args: Any, result: Any) -> Any:
        nonlocal number, failed
        number += 1
        given = args[0] if args else None
        if not isinstance(given, Tensor) or not isinstance(result, Tensor) or number > len(calls):
            failed = True
            return None
        alike = given.shape == result.shape
        if way == "out":
            failed = failed or not alike or not residual
            return given.clone() if alike else None
        given_ref, result_ref = calls[number - 1]
        return result_ref + (given - given_ref) if residual and alike else result_ref

    with torch.no_grad(), hooked(module, hook):
        output: Tensor = network(image)
    return None if failed else output
