"""The blocks that the networks of this folder share.

Each network keeps its authors' names for its weights, so a block here is a plain container whose names follow from how it
is nested: `Body` and its kin hold their layers as `body.<i>`, the functions return bare layers for any other name.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean RGB of the DIV2K training images, in [0, 1]."""


def conv(in_channels: int, out_channels: int, kernel: int = 3, groups: int = 1) -> nn.Conv2d:
    """A convolution that keeps the image's size."""
    return nn.Conv2d(in_channels, out_channels, kernel, padding=kernel // 2, groups=groups)


class MeanShift(nn.Module):
    """Adds (`sign` = 1) or subtracts (`sign` = -1) the mean colour: (N, 3, H, W) -> (N, 3, H, W).

    The authors write it as a frozen 1 x 1 convolution and their checkpoints carry its weights; these are buffers here, so
    that they load and save under the same names and are not counted as parameters.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, sign: int, input_range: float = 1.0, mean: tuple[float, ...] = DIV2K_MEAN) -> None:
        super().__init__()
        self.register_buffer("weight", torch.eye(len(mean))[:, :, None, None])
        self.register_buffer("bias", sign * input_range * torch.tensor(mean))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, self.bias)


class Body(nn.Module):
    """Layers one after the other, held as `body`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Residual(Body):
    """x + `factor` * body(x)."""

    def __init__(self, *layers: nn.Module, factor: float = 1.0) -> None:
        super().__init__(*layers)
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        branch = self.body(x)
        return x + (branch if self.factor == 1 else self.factor * branch)


class RectifiedResidual(Body):
    """ReLU(x + body(x)), the residual block of CARN and DRLN."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


def conv_relu_conv(features: int, kernel: int = 3) -> tuple[nn.Module, ...]:
    """The layers of a residual block without normalization (EDSR, Section 3.1)."""
    return conv(features, features, kernel), nn.ReLU(), conv(features, features, kernel)


def conv_relu(in_channels: int, out_channels: int, kernel: int = 3) -> Body:
    """A convolution and a ReLU, held as `body`."""
    return Body(conv(in_channels, out_channels, kernel), nn.ReLU())


def upsampler(scale: int, features: int, groups: int = 1, relu: bool = False) -> nn.Sequential:
    """Sub-pixel convolutions (Shi et al., CVPR 2016): (N, C, H, W) -> (N, C, sH, sW); a power of two goes by steps of 2.

    Raises:
        ValueError: the scale is neither 3 nor a power of two.
    """
    steps = [3] if scale == 3 else [2] * (scale.bit_length() - 1)
    if scale != 3 and (scale < 2 or scale & (scale - 1)):
        raise ValueError(f"scale {scale}: must be 3 or a power of two")
    layers: list[nn.Module] = []
    for step in steps:
        layers.append(conv(features, features * step**2, groups=groups))
        if relu:
            layers.append(nn.ReLU())
        layers.append(nn.PixelShuffle(step))
    return nn.Sequential(*layers)
