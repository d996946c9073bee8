"""RCAN: Zhang, Li, Li, Wang, Zhong and Fu, "Image Super-Resolution Using Very Deep Residual Channel Attention
Networks", ECCV 2018.

What the paper changed: residuals in residuals, groups of blocks with a skip around each, and channel attention, which
multiplies every channel by a gate that is computed from its mean. Arguments, key names and the order in which weights
are drawn are BasicSR's `network_g` of this name.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import DIV2K_MEAN, conv
from l2xbench.zoo.archs.blocks_basicsr import MeanFrame


class SqueezedGate(nn.Module):
    """x times a gate in (0, 1) for each channel: (N, C, H, W) -> same."""

    def __init__(self, features: int, squeeze_factor: int) -> None:
        super().__init__()
        squeezed = features // squeeze_factor
        self.attention = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            conv(features, squeezed, kernel=1),
            nn.ReLU(),
            conv(squeezed, features, kernel=1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.attention(x)


class AttendedResidual(nn.Module):
    """x + res_scale gate(conv(ReLU(conv(x)))): (N, C, H, W) -> same."""

    def __init__(self, features: int, squeeze_factor: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.rcab = nn.Sequential(
            conv(features, features), nn.ReLU(), conv(features, features), SqueezedGate(features, squeeze_factor)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.rcab(x) * self.res_scale + x


class AttendedGroup(nn.Module):
    """x + conv(blocks(x)): (N, C, H, W) -> same."""

    def __init__(self, features: int, blocks: int, squeeze_factor: int, res_scale: float) -> None:
        super().__init__()
        self.residual_group = nn.Sequential(
            *(AttendedResidual(features, squeeze_factor, res_scale) for _ in range(blocks))
        )
        self.conv = conv(features, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.residual_group(x)) + x


class RCAN(MeanFrame):
    """RGB in [0, 1], (N, num_in_ch, H, W) -> (N, num_out_ch, sH, sW).

    Args:
        num_in_ch, num_out_ch: channels of input and output.
        num_feat: channels inside.
        num_group, num_block: groups, and blocks in each.
        squeeze_factor: by how much a gate squeezes the channels.
        upscale: the factor, 3 or a power of two.
        res_scale: what each block's branch is multiplied by.
        img_range: what pixels are multiplied by inside.
        rgb_mean: the mean colour that is taken off, in [0, 1].
    """

    def __init__(
        self,
        num_in_ch: int,
        num_out_ch: int,
        num_feat: int = 64,
        num_group: int = 10,
        num_block: int = 16,
        squeeze_factor: int = 16,
        upscale: int = 4,
        res_scale: float = 1,
        img_range: float = 255.0,
        rgb_mean: Sequence[float] = DIV2K_MEAN,
    ) -> None:
        super().__init__(
            num_in_ch,
            num_out_ch,
            num_feat,
            lambda: nn.Sequential(
                *(AttendedGroup(num_feat, num_block, squeeze_factor, res_scale) for _ in range(num_group))
            ),
            upscale,
            img_range,
            rgb_mean,
        )
