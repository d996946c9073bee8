"""Bicubic resizing as MATLAB's `imresize` does it: what the LR images of SR papers are made with."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

SUPPORT = 4
"""Pixels that Keys' cubic reaches over."""


def resize(image: np.ndarray, scale: float) -> np.ndarray:
    """Resize uint8 (H, W, 3) to uint8 (ceil(H scale), ceil(W scale), 3), as BasicSR's `imresize` does to 1e-7.

    Keys' cubic with a = -0.5 (Keys 1981), antialiased where `scale` < 1, mirrored at the border as often as it takes,
    in floating point, clipped and rounded once at the end: what MATLAB's `imresize` gives for an image in floating
    point.
    Given uint8, MATLAB also rounds and clips between its vertical and its horizontal pass, by which about
    one value in ten differs by one level, and a few more beside edges that overshoot.

    Examples:
        >>> resize(np.full((8, 12, 3), 77, np.uint8), 1 / 4).shape
        (2, 3, 3)
    """
    resized = image / np.float32(255)
    for axis in (0, 1):
        resized = _along(resized, axis, scale)
    return np.ascontiguousarray((resized.clip(0, 1) * 255).round().astype(np.uint8))


def _along(image: np.ndarray, axis: int, scale: float) -> np.ndarray:
    """The weighted sum of an output pixel's neighbours along one axis, in float64."""
    length = image.shape[axis]
    weights, first = taps(math.ceil(length * scale), scale)
    shape = [1] * image.ndim
    shape[axis] = -1
    total = np.zeros(())
    for tap in range(weights.shape[1]):
        # mirrored at both ends: ..., 1, 0, 0, 1, ..., n - 1, n - 1, n - 2, ...
        place = (first + tap) % (2 * length)
        place = np.minimum(place, 2 * length - 1 - place)
        total = total + weights[:, tap].reshape(shape) * image.take(place, axis)
    return total


def taps(count: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """For each of `count` output pixels the weights (count, taps) of its neighbours, and the place of the first one.

    Weights are worked out in float32, as BasicSR's are: at scale 1/3 an output pixel's place is rounded to 1e-4 far
    from the origin, and with it the LR images that SR papers use.
    """
    width = SUPPORT / scale if scale < 1 else SUPPORT
    reach = math.ceil(width) + 2
    place = torch.arange(1, count + 1, dtype=torch.float32)
    centre = place / scale + 0.5 * (1 - 1 / scale)
    first = torch.floor(centre - width / 2)
    distance = centre[:, None] - (first[:, None] + torch.arange(reach, dtype=torch.float32))
    weights = scale * _cubic(distance * scale) if scale < 1 else _cubic(distance)
    weights = weights / weights.sum(1, keepdim=True)
    return weights.double().numpy(), first.numpy().astype(np.int64) - 1


def _cubic(x: Tensor) -> Tensor:
    x = x.abs()
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, 0.0))
