"""Work on large tensors in blocks that stay in a CPU's cache: an elementwise rule is a chain of passes over
memory, and memory is slow.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

SIZE = 1 << 18
"""Elements of a block: a megabyte in float32."""


def blocks(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Matching pieces of tensors of one shape, as flat views; on other devices or layouts the tensors whole."""
    first = tensors[0]
    n = first.numel()
    if n < 2 * SIZE or first.device.type != "cpu" or not all(alike(first, t) for t in tensors):
        yield tensors
        return
    yield from zip(*(torch.split(t.as_strided((n,), (1,)), SIZE) for t in tensors), strict=True)


def rows(dim: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Matching pieces of whole rows along the last axis, as (rows, length) views."""
    first = tensors[0]
    n, length = first.numel(), first.shape[-1] if first.dim() else 0
    last = dim in (-1, first.dim() - 1)
    if n < 2 * SIZE or not last or first.device.type != "cpu" or not all(t.is_contiguous() for t in tensors):
        yield tensors
        return
    step = max(1, SIZE // length)
    yield from zip(*(torch.split(t.view(-1, length), step) for t in tensors), strict=True)


def alike(a: Tensor, b: Tensor) -> bool:
    """Whether two tensors lie in memory alike, without gaps."""
    return a.stride() == b.stride() and (
        a.is_contiguous() or (a.dim() == 4 and a.is_contiguous(memory_format=torch.channels_last))
    )
