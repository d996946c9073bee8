"""SAN: Dai, Cai, Zhang, Xia and Zhang, "Second-order Attention Network for Single Image Super-Resolution", CVPR 2019.

What the paper changed: channel attention from *second-order* statistics, the square root of the channels' covariance,
at the end of each residual group; and non-local attention in the four quarters of the image (region level) before and
after the groups, with the same weights. Each group adds `gamma` times the input of the first (share-source skip
connection).

This is the network that the authors' training code builds. Its checkpoints hold weights that it does not use: each
group's `gamma`, the last convolution `conv_last`, and a channel attention beside the non-local block.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l2xbench.zoo.archs.blocks import ChannelAttention, ImageFrame, conv, conv_relu_conv
from l2xbench.zoo.archs.blocks_nonlocal import NonLocalAttention


def covariance(x: Tensor) -> Tensor:
    """The channels' covariance over the positions: (N, C, H, W) -> (N, C, C).

    The authors multiply by the (HW x HW) centring matrix; subtracting the means is the same.
    """
    flat = x.flatten(2)
    centred = flat - flat.mean(dim=2, keepdim=True)
    return torch.bmm(centred, centred.transpose(1, 2)) / flat.shape[2]


def matrix_sqrt(matrix: Tensor, iterations: int = 5) -> Tensor:
    """The square root of symmetric positive matrices by Newton-Schulz iteration: (N, C, C) -> same.

    Li et al., "Towards Faster Training of Global Covariance Pooling Networks", CVPR 2018. Few
    iterations do not converge for small eigenvalues, and the networks are trained on what they give.
    """
    identity = torch.eye(matrix.shape[-1], dtype=matrix.dtype, device=matrix.device)
    trace = matrix.diagonal(dim1=1, dim2=2).sum(dim=1)[:, None, None]
    root = matrix / trace
    inverse = identity
    for _ in range(iterations):
        step = 0.5 * (3 * identity - inverse @ root)
        root, inverse = root @ step, step @ inverse
    return root * trace.sqrt()


class SecondOrderAttention(ChannelAttention):
    """Channel attention from the column means of the covariance's square root: (N, C, H, W) -> same.

    Only the central `window` x `window` positions are looked at.
    """

    def __init__(self, features: int, reduction: int, window: int = 1000) -> None:
        super().__init__(features, reduction)
        self.window = window

    def describe(self, x: Tensor) -> Tensor:
        for dim in (2, 3):
            excess = x.shape[dim] - self.window
            if excess > 0:
                x = x.narrow(dim, excess // 2, self.window)
        return matrix_sqrt(covariance(x)).mean(dim=1)[:, :, None, None]


class ResidualBlock(nn.Module):
    """EDSR's residual block, with its layers held as `conv_first`: (N, C, H, W) -> same."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv_first = nn.Sequential(*conv_relu_conv(features))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv_first(x)


class ResidualGroup(nn.Module):
    """Residual blocks, second-order attention, a convolution, and the input: (N, C, H, W) -> same."""

    def __init__(self, features: int, n_resblocks: int, reduction: int) -> None:
        super().__init__()
        self.rcab = nn.ModuleList(ResidualBlock(features) for _ in range(n_resblocks))
        self.soca = SecondOrderAttention(features, reduction)
        self.conv_last = conv(features, features)
        self.gamma = nn.Parameter(torch.zeros(1))  # unused

    def forward(self, x: Tensor) -> Tensor:
        out = x
        for block in self.rcab:
            out = block(out)
        return self.conv_last(self.soca(out)) + x


class RegionNonLocal(nn.Module):
    """Non-local attention within each quarter of the image: (N, C, H, W), H and W at least 4, -> same."""

    def __init__(self, features: int, reduction: int) -> None:
        super().__init__()
        self.soca = SecondOrderAttention(features, reduction)  # unused
        self.non_local = NonLocalAttention(features, features // reduction, pooled=True)

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        rows = []
        for row in x.split([height // 2, height - height // 2], dim=2):
            quarters = row.split([width // 2, width - width // 2], dim=3)
            rows.append(torch.cat([self.non_local(quarter) for quarter in quarters], dim=3))
        return torch.cat(rows, dim=2)


class SAN(ImageFrame):
    """RGB in [0, `input_range`], (N, 3, H, W), H and W at least 4, -> (N, 3, sH, sW).

    Args:
        scale: the factor.
        n_resgroups, n_resblocks: residual groups, and residual blocks in each.
        n_feats, reduction: channels, and how far second-order attention narrows them.
        nonlocal_reduction: how far non-local attention narrows the channels.
        input_range: the largest value of a pixel, 255 as published.
    """

    minimum = 4

    def __init__(
        self,
        scale: int = 4,
        n_resgroups: int = 20,
        n_resblocks: int = 10,
        n_feats: int = 64,
        reduction: int = 16,
        nonlocal_reduction: int = 8,
        input_range: float = 255.0,
    ) -> None:
        # twenty matrix square roots magnify the float32 rounding of the mean 500 times: in float64 it must not be there
        super().__init__(scale, n_feats, input_range, mean_dtype=torch.float64)
        self.gamma = nn.Parameter(torch.zeros(1))
        self.non_local = RegionNonLocal(n_feats, nonlocal_reduction)
        self.RG = nn.ModuleList(ResidualGroup(n_feats, n_resblocks, reduction) for _ in range(n_resgroups))
        self.conv_last = conv(n_feats, n_feats)  # unused

    def features(self, x: Tensor) -> Tensor:
        source = out = self.non_local(x)
        for group in self.RG:
            out = group(out) + self.gamma * source
        return self.non_local(out) + x
