"""EDSR: Lim, Son, Kim, Nah and Lee, "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017.

What the paper changed: residual blocks without batch normalization, many or wide, and one long skip around all of them.
Arguments, key names and the order in which weights are drawn are BasicSR's `network_g` of this name, so that its
blocks, checkpoints and initial weights hold here as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import DIV2K_MEAN, conv
from l2xbench.zoo.archs.blocks_basicsr import MeanFrame


class ScaledResidual(nn.Module):
    """x + res_scale conv2(ReLU(conv1(x))): (N, C, H, W) -> same."""

    def __init__(self, features: int, res_scale: float) -> None:
        super().__init__()
        self.res_scale = res_scale
        self.conv1 = conv(features, features)
        self.conv2 = conv(features, features)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.relu(self.conv1(x))) * self.res_scale


class EDSR(MeanFrame):
    """RGB in [0, 1], (N, num_in_ch, H, W) -> (N, num_out_ch, sH, sW).

    Args:
        num_in_ch, num_out_ch: channels of input and output.
        num_feat, num_block: channels inside, and residual blocks.
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
        num_block: int = 16,
        upscale: int = 4,
        res_scale: float = 1,
        img_range: float = 255.0,
        rgb_mean: Sequence[float] = DIV2K_MEAN,
    ) -> None:
        super().__init__(
            num_in_ch,
            num_out_ch,
            num_feat,
            lambda: nn.Sequential(*(ScaledResidual(num_feat, res_scale) for _ in range(num_block))),
            upscale,
            img_range,
            rgb_mean,
        )
