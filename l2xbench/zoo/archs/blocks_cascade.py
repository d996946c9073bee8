"""What CARN began and DRLN took over: fusions of all that came before, and the frame around the network."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import Body, MeanShift, conv, upsampler


def mean_shift(sign: int) -> nn.Sequential:
    """The mean shift of a network that takes [0, 1]; these authors name its convolution `shifter`."""
    return nn.Sequential(OrderedDict(shifter=MeanShift(sign)))


def fusion(in_channels: int, out_channels: int, kernel: int = 1, dilation: int = 1) -> Body:
    """A convolution and a ReLU: (N, in, H, W) -> (N, out, H, W)."""
    return Body(conv(in_channels, out_channels, kernel, dilation=dilation), nn.ReLU())


class Upsampler(nn.Module):
    """Rectified sub-pixel convolutions, one per scale of a network trained for several (`up2`, ...), else `up`.

    A multi-scale network holds all of `scales`, and `scale` picks the one that is run.

    Raises:
        ValueError: `scale` is not among `scales`.
    """

    def __init__(self, features: int, scale: int, scales: Sequence[int] = (), groups: int = 1) -> None:
        super().__init__()
        self.scales = tuple(scales)
        self.run_at(scale)
        for each in scales or (scale,):
            name = f"up{each}" if scales else "up"
            self.add_module(name, Body(*upsampler(each, features, groups, relu=True)))

    def run_at(self, scale: int) -> None:
        """Choose one of `scales`."""
        if self.scales and scale not in self.scales:
            raise ValueError(f"scale {scale}: this network has {', '.join(map(str, self.scales))}")
        self.active = f"up{scale}" if self.scales else "up"

    def forward(self, x: Tensor) -> Tensor:
        return self.get_submodule(self.active)(x)
