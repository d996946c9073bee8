"""HAN: Niu et al., "Single Image Super-Resolution via a Holistic Attention Network", ECCV 2020, arXiv:2008.08767.

What the paper changed: RCAN (Zhang et al., ECCV 2018), and on top of it attention *among layers*, which weighs the
outputs of the residual groups by their correlations, and attention over channels and positions together, a gate from
one 3-D convolution.

In the authors' code the correlations enter the softmax with a minus sign: the groups least like a group weigh most.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import ChannelAttention, ImageFrame, Residual, conv, conv_relu_conv


def residual_group(features: int, n_resblocks: int, reduction: int) -> Residual:
    """RCAN's residual group: residual blocks with channel attention and a convolution: (N, C, H, W) -> same."""
    blocks = (Residual(*conv_relu_conv(features), ChannelAttention(features, reduction)) for _ in range(n_resblocks))
    return Residual(*blocks, conv(features, features))


class LayerAttention(nn.Module):
    """Each layer plus `gamma` times a mixture of all layers: (N, L, C, H, W) -> (N, L * C, H, W)."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, layers: Tensor) -> Tensor:
        flat = layers.flatten(2)
        correlation = torch.bmm(flat, flat.transpose(1, 2))
        mixture = torch.bmm(torch.softmax(-correlation, dim=-1), flat)
        return (self.gamma * mixture + flat).view(layers.shape).flatten(1, 2)


class ChannelSpatialAttention(nn.Module):
    """x + `gamma` * x * gate(x), the gate from a 3 x 3 x 3 convolution: (N, C, H, W) -> same."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.conv = nn.Conv3d(1, 1, kernel_size=3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(self.conv(x.unsqueeze(1))).squeeze(1)
        return x * (self.gamma * gate) + x


class HAN(ImageFrame):
    """RGB in [0, `input_range`], (N, 3, H, W) -> (N, 3, sH, sW).

    Args:
        scale: the factor.
        n_resgroups, n_resblocks: residual groups, and residual blocks in each.
        n_feats, reduction: channels, and how far channel attention narrows them.
        input_range: the largest value of a pixel, 255 as published.
    """

    def __init__(
        self,
        scale: int = 4,
        n_resgroups: int = 10,
        n_resblocks: int = 20,
        n_feats: int = 64,
        reduction: int = 16,
        input_range: float = 255.0,
    ) -> None:
        super().__init__(scale, n_feats, input_range)
        groups = (residual_group(n_feats, n_resblocks, reduction) for _ in range(n_resgroups))
        self.body = nn.Sequential(*groups, conv(n_feats, n_feats))
        self.csa = ChannelSpatialAttention()
        self.la = LayerAttention()
        self.last_conv = conv(n_feats * (n_resgroups + 1), n_feats)
        self.last = conv(n_feats * 2, n_feats)

    def features(self, x: Tensor) -> Tensor:
        layers, out = [], x
        for layer in self.body:
            out = layer(out)
            layers.append(out)
        across_layers = self.last_conv(self.la(torch.stack(layers[::-1], dim=1)))
        return self.last(torch.cat([self.csa(out), across_layers], dim=1)) + x
