"""Bicubic resizing as MATLAB's `imresize` does it: what the LR images of SR papers are made with."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np

from l2xbench.system.compat import import_basicsr


def resize(image: np.ndarray, scale: float) -> np.ndarray:
    """Resize uint8 (H, W, 3) to uint8 (ceil(H scale), ceil(W scale), 3) with BasicSR's `imresize`.

    Keys' cubic with a = -0.5, antialiased where `scale` < 1, mirrored at the border, in floating point,
    clipped and rounded once at the end: what MATLAB's `imresize` gives for an image in floating point.
    Given uint8, MATLAB also rounds and clips between its vertical and its horizontal pass, by which about
    one value in ten differs by one level, and a few more beside edges that overshoot.
    """
    imresize = import_basicsr("basicsr.utils.matlab_functions").imresize
    # imresize mirrors once, so it needs an image at least as long as the kernel reaches beyond it. A
    # smaller one is mirrored beforehand as often as it takes, by whole pixels of the output, which are
    # cut off again.
    reach = math.ceil(2 * max(1, 1 / scale)) + 2
    period = Fraction(scale).limit_denominator(1000).denominator
    margin = math.ceil(reach / period) * period if min(image.shape[:2]) < reach else 0
    padded = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="symmetric")
    resized = imresize(padded / 255.0, scale)
    cut = round(margin * scale)
    height, width = (math.ceil(length * scale) for length in image.shape[:2])
    resized = resized[cut : cut + height, cut : cut + width]
    return np.ascontiguousarray((resized.clip(0, 1) * 255).round().astype(np.uint8))
