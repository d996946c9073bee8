"""Networks of the Y channel: the image's luminance is super-resolved, its colour interpolated.

So do the papers of SRCNN (Dong et al., ECCV 2014), FSRCNN (2016), VDSR (Kim et al., CVPR 2016) and ESPCN (Shi et al.,
CVPR 2016). The colour space is ITU-R BT.601 in studio range, MATLAB's `rgb2ycbcr`, in which they were trained.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_MATRIX = torch.tensor(
    [(65.481, 128.553, 24.966), (-37.797, -74.203, 112.0), (112.0, -93.786, -18.214)], dtype=torch.float64
)
_MATRIX /= 255
_OFFSET = torch.tensor((16.0, 128.0, 128.0), dtype=torch.float64) / 255
_BACK = torch.linalg.inv(_MATRIX)


def to_ycbcr(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) RGB in [0, 1] to Y, Cb and Cr in [16, 240] / 255.

    Examples:
        >>> (to_ycbcr(torch.ones(1, 3, 1, 1)) * 255).round().flatten().tolist()
        [235.0, 128.0, 128.0]
    """
    return _mixed(rgb, _MATRIX, _OFFSET)


def to_rgb(ycbcr: Tensor) -> Tensor:
    """The inverse of `to_ycbcr`, not clamped.

    Examples:
        >>> image = torch.rand(1, 3, 4, 4)
        >>> bool(torch.allclose(to_rgb(to_ycbcr(image)), image, atol=1e-5))
        True
    """
    return _mixed(ycbcr, _BACK, -(_BACK @ _OFFSET))


def _mixed(image: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """Each pixel's channels times a matrix, and an offset."""
    weight, bias = (each.to(device=image.device, dtype=image.dtype) for each in (matrix, offset))
    return F.conv2d(image, weight[:, :, None, None], bias)
