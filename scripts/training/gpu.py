"""The same function of the same weights, in a form that a GPU computes fast and a CUDA graph can hold.

Layers are changed in place, on the object alone: names, weights and what the network computes stay as they are, but for
rounding. Weights that were trained so are the architecture's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from l2xbench.zoo.archs.blocks import MeanShift
from l2xbench.zoo.archs.han import ChannelSpatialAttention
from l2xbench.zoo.archs.san import SecondOrderAttention

_ALIGNED = 8
"""Tensor cores take channels of 16-bit numbers in groups of so many."""
_SMALL = 64
"""Images of fewer pixels, e.g. the one pixel of a channel attention, are not worth it."""


def suit(network: nn.Module) -> None:
    """Change the layers of `network` that are slow on a GPU, or lose too much in 16 bits."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.groups == 1:
            if module.in_channels % _ALIGNED or module.out_channels % _ALIGNED:
                module.forward = _aligned(module)  # type: ignore[assignment, method-assign]
        elif isinstance(module, MeanShift):
            module.forward = _exact_shift(module)  # type: ignore[assignment, method-assign]
        elif isinstance(module, SecondOrderAttention):
            module.describe = _in_float32(module.describe)  # type: ignore[assignment, method-assign]
        elif isinstance(module, ChannelSpatialAttention):
            module.conv.forward = _banded(module.conv)  # type: ignore[assignment, method-assign]


def _aligned(layer: nn.Conv2d) -> Callable[[Tensor], Tensor]:
    """A convolution from or to RGB with channels of zeros up to the next multiple of 8."""
    more_in, more_out = -layer.in_channels % _ALIGNED, -layer.out_channels % _ALIGNED

    def forward(x: Tensor) -> Tensor:
        if x.shape[-2] * x.shape[-1] < _SMALL:
            return layer._conv_forward(x, layer.weight, layer.bias)
        if more_in:
            x = F.pad(x, (0, 0, 0, 0, 0, more_in))
        weight = F.pad(layer.weight, (0, 0, 0, 0, 0, more_in, 0, more_out)).contiguous(
            memory_format=torch.channels_last
        )
        bias = layer.bias if layer.bias is None else F.pad(layer.bias, (0, more_out))
        return layer._conv_forward(x, weight, bias)[:, : layer.out_channels]

    return forward


def _exact_shift(layer: MeanShift) -> Callable[[Tensor], Tensor]:
    """The mean colour in float32, where 16 bits would round an image to fewer than its 256 levels."""

    def forward(x: Tensor) -> Tensor:
        return x.float() + layer.bias.float()[:, None, None]

    return forward


def _in_float32(describe: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Second-order statistics in float32: the matrix square root of 16 bits would be noise."""

    def forward(x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return describe(x.float())

    return forward


def _banded(layer: nn.Conv3d) -> Callable[[Tensor], Tensor]:
    """A 3 x 3 x 3 convolution of one channel along (C, H, W), as one of C channels whose weights are a band.

    Output channel o sees the channels o - 1, o and o + 1, each by one of the three 3 x 3 kernels.
    """

    bands: dict[int, Tensor] = {}

    def forward(x: Tensor) -> Tensor:
        channels = x.shape[2]
        if channels not in bands:  # the first pass is never a captured one
            diagonals = [torch.ones(channels - abs(k), device=x.device).diag(k) for k in (-1, 0, 1)]
            bands[channels] = torch.stack(diagonals)
        weight = torch.einsum("koi,kyx->oiyx", bands[channels], layer.weight[0, 0])
        bias = layer.bias.expand(channels) if layer.bias is not None else None
        weight = weight.contiguous(memory_format=torch.channels_last)
        return F.conv2d(x[:, 0], weight, bias, padding=1).unsqueeze(1)

    return forward


class HostConstants(TorchFunctionMode):
    """Within, what a forward pass moves from the host to the GPU is kept the first time and taken from there later.

    Swin2SR makes a constant on the host at each pass. A graph cannot hold that copy, and need not: it is the same each
    time. Constants are told apart by their order, so every pass must be the same one.
    """

    def __init__(self, kept: list[Tensor]) -> None:
        super().__init__()
        self._kept, self._filling, self._next = kept, not kept, 0

    def __torch_function__(
        self, func: Callable[..., Any], types: Sequence[type], args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        if func is not Tensor.to or args[0].device.type != "cpu":
            return func(*args, **(kwargs or {}))
        if self._filling:
            self._kept.append(func(*args, **(kwargs or {})))
        self._next += 1
        return self._kept[self._next - 1]
