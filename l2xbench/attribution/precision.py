"""Networks in half precision are explained in float32, since multipliers come of differences, which it loses."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn

HALF = (torch.float16, torch.bfloat16)


@contextmanager
def in_float32(network: nn.Module) -> Iterator[None]:
    """Float32 for half-precision parameters and buffers, said in a warning; they have their own back after."""
    halves = [tensor for tensor in _numbers(network) if tensor.dtype in HALF]
    if halves:
        warnings.warn(f"{type(network).__name__} is in half precision: explained in float32", stacklevel=4)
    with _cast(halves, torch.float32):
        yield


@contextmanager
def in_precision(network: nn.Module, dtype: torch.dtype) -> Iterator[None]:
    """`dtype` for all floating-point parameters and buffers; they have their own back after."""
    with _cast([tensor for tensor in _numbers(network) if tensor.is_floating_point()], dtype):
        yield


def _numbers(network: nn.Module) -> Iterator[Tensor]:
    return chain(network.parameters(), network.buffers())


@contextmanager
def _cast(tensors: list[Tensor], dtype: torch.dtype) -> Iterator[None]:
    own = [(tensor, tensor.data) for tensor in tensors]
    for tensor in tensors:
        tensor.data = tensor.data.to(dtype)
    try:
        yield
    finally:
        for tensor, data in own:
            tensor.data = data


def single(values: Tensor) -> Tensor:
    """Half-precision values as float32, others as they are."""
    return values.float() if values.dtype in HALF else values
