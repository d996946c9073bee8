"""MSRN: Li, Fang, Mei and Zhang, "Multi-scale Residual Network for Image Super-Resolution", ECCV 2018.

What the paper changed: its block looks at two scales at once, 3 x 3 and 5 x 5 convolutions side by side that exchange
their features half way, and the upsampler sees the outputs of *all* blocks through one 1 x 1 bottleneck (hierarchical
feature fusion). This is the version that the authors publish as code (trained on DIV2K, sub-pixel upsampling), not
the one of the paper's first tables.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import ImageFrame, conv, upsampler


class MultiScaleBlock(nn.Module):
    """(N, C, H, W) -> same."""

    def __init__(self, features: int) -> None:
        super().__init__()
        for kernel in (3, 5):
            self.add_module(f"conv_{kernel}_1", conv(features, features, kernel))
            self.add_module(f"conv_{kernel}_2", conv(2 * features, 2 * features, kernel))
        self.confusion = conv(4 * features, features, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for step in (1, 2):
            out = torch.cat([F.relu(self.get_submodule(f"conv_{kernel}_{step}")(out)) for kernel in (3, 5)], dim=1)
        return x + self.confusion(out)


class MSRN(ImageFrame):
    """RGB in [0, `input_range`], (N, 3, H, W) -> (N, 3, sH, sW).

    Args:
        scale: the factor.
        n_feats, n_blocks: channels and multi-scale blocks.
        input_range: the largest value of a pixel, 255 as published.
    """

    def __init__(self, scale: int = 4, n_feats: int = 64, n_blocks: int = 8, input_range: float = 255.0) -> None:
        tail = nn.Sequential(
            conv(n_feats * (n_blocks + 1), n_feats, kernel=1),
            conv(n_feats, n_feats),
            upsampler(scale, n_feats),
            conv(n_feats, 3),
        )
        super().__init__(scale, n_feats, input_range, tail)
        self.body = nn.Sequential(*(MultiScaleBlock(n_feats) for _ in range(n_blocks)))

    def features(self, x: Tensor) -> Tensor:
        outputs, out = [], x
        for block in self.body:
            out = block(out)
            outputs.append(out)
        return torch.cat([*outputs, x], dim=1)
