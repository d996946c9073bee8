"""RNAN: Zhang, Li, Li, Zhong and Fu, "Residual Non-local Attention Networks for Image Restoration", ICLR 2019,
arXiv:1903.10082.

What the paper changed: attention as a *mask branch* beside a trunk of residual blocks: an hourglass that goes down and
up once and ends in a sigmoid gates the trunk. In the first and the last block the mask branch
begins with non-local attention, so that the gate can depend on the whole image.

In the authors' code the attention weights sum to 1 over the positions that look, not over those looked at.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import Body, ImageFrame, conv, residual_block
from l2xbench.zoo.archs.blocks_nonlocal import NonLocalAttention


class MaskBranch(nn.Module):
    """A gate in (0, 1) for each value: (N, C, H, W), H and W even, -> same."""

    def __init__(self, features: int, non_local: bool) -> None:
        super().__init__()
        entry: list[nn.Module] = [residual_block(features)]
        if non_local:
            entry.insert(0, NonLocalAttention(features, features // 2, over="queries"))
        self.MB_RB1 = nn.Sequential(*entry)
        self.MB_Down = nn.Sequential(nn.Conv2d(features, features, 3, stride=2, padding=1))
        self.MB_RB2 = nn.Sequential(residual_block(features), residual_block(features))
        self.MB_Up = nn.Sequential(nn.ConvTranspose2d(features, features, 6, stride=2, padding=2))
        self.MB_RB3 = nn.Sequential(residual_block(features))
        self.MB_1x1conv = nn.Sequential(conv(features, features, kernel=1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.MB_RB1(x)
        x = x + self.MB_Up(self.MB_RB2(self.MB_Down(x)))
        return torch.sigmoid(self.MB_1x1conv(self.MB_RB3(x)))


class AttentionBlock(nn.Module):
    """x + trunk(x) * mask(x) between residual blocks: (N, C, H, W), H and W even, -> same."""

    def __init__(self, features: int, non_local: bool) -> None:
        super().__init__()
        self.RA_RB1 = nn.Sequential(residual_block(features))
        self.RA_TB = nn.Sequential(Body(residual_block(features), residual_block(features)))
        self.RA_MB = nn.Sequential(MaskBranch(features, non_local))
        self.RA_tail = nn.Sequential(residual_block(features), residual_block(features))

    def forward(self, x: Tensor) -> Tensor:
        x = self.RA_RB1(x)
        return self.RA_tail(x + self.RA_TB(x) * self.RA_MB(x))


def attention_group(features: int, non_local: bool = False) -> Body:
    """An attention block and a convolution: (N, C, H, W), H and W even, -> same."""
    return Body(AttentionBlock(features, non_local), conv(features, features))


class RNAN(ImageFrame):
    """RGB in [0, `input_range`], (N, 3, H, W), H and W even, -> (N, 3, sH, sW).

    Args:
        scale: the factor.
        n_resgroups: attention blocks, of which the first and the last are non-local.
        n_feats: channels.
        input_range: the largest value of a pixel, 255 as published.
    """

    multiple = 2

    def __init__(self, scale: int = 4, n_resgroups: int = 10, n_feats: int = 64, input_range: float = 255.0) -> None:
        super().__init__(scale, n_feats, input_range)
        groups = (attention_group(n_feats) for _ in range(n_resgroups - 2))
        self.body_nl_low = nn.Sequential(attention_group(n_feats, non_local=True))
        self.body = nn.Sequential(*groups, conv(n_feats, n_feats))
        self.body_nl_high = nn.Sequential(attention_group(n_feats, non_local=True))

    def features(self, x: Tensor) -> Tensor:
        return self.body_nl_high(self.body(self.body_nl_low(x))) + x
