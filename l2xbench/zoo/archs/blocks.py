"""The blocks that the networks of this folder share.

Each network keeps its authors' names for its weights, so a block here is a plain container whose names follow from how
it is nested: `Body` and its kin hold their layers as `body.<i>`, functions return bare layers for any other name.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

DIV2K_MEAN = (0.4488, 0.4371, 0.4040)
"""Mean RGB of the DIV2K training images, in [0, 1]."""


def conv(in_channels: int, out_channels: int, kernel: int = 3, groups: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution that keeps the image's size."""
    padding = dilation * (kernel // 2)
    return nn.Conv2d(in_channels, out_channels, kernel, padding=padding, groups=groups, dilation=dilation)


class MeanShift(nn.Module):
    """Adds (`sign` = 1) or subtracts (`sign` = -1) the mean colour: (N, 3, H, W) -> (N, 3, H, W).

    The authors write it as a frozen 1 x 1 convolution and their checkpoints carry its weights; these are buffers here,
    so that they load and save under the same names and are not counted as parameters. They keep the value rounded to
    `dtype` even where the network is then run in another one.
    """

    weight: Tensor
    bias: Tensor

    def __init__(self, sign: int, input_range: float = 1.0, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        self.register_buffer("weight", torch.eye(3, dtype=dtype)[:, :, None, None])
        self.register_buffer("bias", sign * input_range * torch.tensor(DIV2K_MEAN, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight.to(x.dtype), self.bias.to(x.dtype))


class Body(nn.Module):
    """Layers one after the other, held as `body`."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


class Residual(Body):
    """x + body(x)."""

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class RectifiedResidual(Body):
    """ReLU(x + body(x)), the residual block of CARN and DRLN."""

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.body(x))


def conv_relu_conv(features: int, kernel: int = 3) -> tuple[nn.Module, ...]:
    """The layers of a residual block without normalization (Lim et al., EDSR, CVPRW 2017)."""
    return conv(features, features, kernel), nn.ReLU(), conv(features, features, kernel)


def residual_block(features: int, kernel: int = 3) -> Residual:
    """EDSR's residual block: (N, C, H, W) -> same."""
    return Residual(*conv_relu_conv(features, kernel))


def upsampler(scale: int, features: int, groups: int = 1, relu: bool = False) -> nn.Sequential:
    """Sub-pixel convolutions (Shi et al., CVPR 2016): (N, C, H, W) -> (N, C, sH, sW); powers of two go by steps of 2.

    Raises:
        ValueError: the scale is neither 3 nor a power of two.
    """
    if scale != 3 and (scale < 2 or scale & (scale - 1)):
        raise ValueError(f"scale {scale}: must be 3 or a power of two")
    layers: list[nn.Module] = []
    for step in [3] if scale == 3 else [2] * (scale.bit_length() - 1):
        layers.append(conv(features, features * step**2, groups=groups))
        if relu:
            layers.append(nn.ReLU())
        layers.append(nn.PixelShuffle(step))
    return nn.Sequential(*layers)


class ChannelAttention(nn.Module):
    """Scales each channel by a gate in (0, 1) computed from one number per channel: (N, C, H, W) -> same.

    Zhang et al., RCAN, ECCV 2018: the number is the channel's mean. A subclass may take another.
    """

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        squeezed = features // reduction
        self.conv_du = nn.Sequential(
            conv(features, squeezed, kernel=1), nn.ReLU(), conv(squeezed, features, kernel=1), nn.Sigmoid()
        )

    def describe(self, x: Tensor) -> Tensor:
        """(N, C, H, W) -> (N, C, 1, 1)."""
        return x.mean(dim=(2, 3), keepdim=True)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.conv_du(self.describe(x))


class ImageFrame(nn.Module):
    """EDSR's frame around the features: subtract the mean colour, `head`, ..., `tail`, add the mean colour.

    A subclass gives `features`, from (N, C, H, W) to what its `tail` takes; by default the tail is an upsampler and a
    convolution to RGB. Input and output are RGB in [0, `input_range`].
    """

    def __init__(
        self,
        scale: int,
        n_feats: int,
        input_range: float,
        tail: nn.Sequential | None = None,
        mean_dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.sub_mean = MeanShift(-1, input_range, mean_dtype)
        self.add_mean = MeanShift(1, input_range, mean_dtype)
        self.head = nn.Sequential(conv(3, n_feats))
        self.tail = tail if tail is not None else nn.Sequential(upsampler(scale, n_feats), conv(n_feats, 3))

    def features(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.add_mean(self.tail(self.features(self.head(self.sub_mean(x)))))
