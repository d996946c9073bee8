"""Bicubic interpolation as a network: the row that every restoration table compares with.

Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 1981, with a = -0.5 and edges
mirrored, as MATLAB's `imresize` does and SR papers report it.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Bicubic(nn.Module):
    """(N, C, H, W) -> (N, C, sH, sW), any range; linear, without parameters."""

    reach = 4  # LR pixels beyond the edge that matter, with room to spare

    def __init__(self, scale: int = 4) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        if self.scale == 1:
            return x
        for axis in (-1, -2):
            x = _mirror(x, self.reach, axis)
        # `antialias` changes nothing in magnification but selects a = -0.5 instead of torch's usual -0.75
        x = F.interpolate(x, scale_factor=self.scale, mode="bicubic", antialias=True, align_corners=False)
        edge = self.reach * self.scale
        return x[..., edge:-edge, edge:-edge]


def _mirror(x: Tensor, reach: int, axis: int) -> Tensor:
    """Mirrors about the outer edge, the edge pixel repeated, which `F.pad` has no mode for."""
    size = x.shape[axis]
    index = torch.arange(-reach, size + reach, device=x.device) % (2 * size)
    return x.index_select(axis, torch.minimum(index, 2 * size - 1 - index))
