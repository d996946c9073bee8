"""DRLN: Anwar and Barnes, "Densely Residual Laplacian Network for Super-Resolution", TPAMI 2020, arXiv:1906.12021.

What the paper changed: residual blocks that grow by dense connections inside a block, gated by *Laplacian attention*,
a pyramid of dilated convolutions on the channel means, in cascading groups with a residual each.

Two things in the authors' code are not in the paper's figures, and their checkpoints depend on both. The dilated 3 x 3
convolutions see a 1 x 1 image, so only their centres act. And the fifth block takes its group's input, not the fourth
fusion's output.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import Body, RectifiedResidual, conv, conv_relu_conv
from l2xbench.zoo.archs.blocks_cascade import Upsampler, fusion, mean_shift

_SEES_GROUP_INPUT = 5  # the block that does not follow on from the fusion before it


class LaplacianAttention(nn.Module):
    """Gates channels by their means, seen through three dilations: (N, C, H, W) -> same."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        squeezed = features // reduction
        for i, dilation in enumerate((3, 5, 7), start=1):
            self.add_module(f"c{i}", fusion(features, squeezed, kernel=3, dilation=dilation))
        self.c4 = Body(conv(3 * squeezed, features), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        mean = x.mean(dim=(2, 3), keepdim=True)
        pyramid = [self.get_submodule(f"c{i}")(mean) for i in (1, 2, 3)]
        return x * self.c4(torch.cat(pyramid, dim=1))


class DenseResidualBlock(nn.Module):
    """Three residual blocks, each on all that came before, a fusion and Laplacian attention: (N, C, H, W) -> same."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        for i, width in enumerate((1, 2, 4), start=1):
            self.add_module(f"r{i}", RectifiedResidual(*conv_relu_conv(width * features)))
        self.g = fusion(8 * features, features)
        self.ca = LaplacianAttention(features, reduction)

    def forward(self, x: Tensor) -> Tensor:
        for i in (1, 2, 3):
            x = torch.cat([x, self.get_submodule(f"r{i}")(x)], dim=1)
        return self.ca(self.g(x))


class DRLN(nn.Module):
    """RGB in [0, 1], (N, 3, H, W) -> (N, 3, sH, sW).

    Args:
        scale: the factor.
        n_feats: channels.
        groups: dense residual blocks in each cascading group.
        reduction: how far Laplacian attention narrows the channels.
    """

    def __init__(
        self,
        scale: int = 4,
        n_feats: int = 64,
        groups: Sequence[int] = (3, 3, 3, 3, 4, 4),
        reduction: int = 16,
    ) -> None:
        super().__init__()
        self.scale = scale
        self.groups = tuple(groups)
        self.sub_mean = mean_shift(-1)
        self.add_mean = mean_shift(1)
        self.head = conv(3, n_feats)
        positions = [position for length in groups for position in range(1, length + 1)]
        for i, position in enumerate(positions, start=1):
            self.add_module(f"b{i}", DenseResidualBlock(n_feats, reduction))
            self.add_module(f"c{i}", fusion((position + 1) * n_feats, n_feats, kernel=3))
        self.upsample = Upsampler(n_feats, scale)
        self.tail = conv(n_feats, 3)

    def forward(self, x: Tensor) -> Tensor:
        shallow = self.head(self.sub_mean(x))
        total = out = shallow
        i = 0
        for length in self.groups:
            seen, out = out, total
            for _ in range(length):
                i += 1
                block_input = total if i == _SEES_GROUP_INPUT else out
                seen = torch.cat([seen, self.get_submodule(f"b{i}")(block_input)], dim=1)
                out = self.get_submodule(f"c{i}")(seen)
            total = out + total
        return self.add_mean(self.tail(self.upsample(total + shallow)))
