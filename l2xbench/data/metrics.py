"""PSNR and SSIM as SR papers report them: BasicSR's, on 8-bit images, with a border left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from l2xbench.compat import import_basicsr
from l2xbench.errors import RequestError

#: "y": the luma of ITU-R BT.601 (16 to 235), as almost every paper. "rgb": over the three channels.
Colour = Literal["y", "rgb"]

#: Side of the Gaussian window of SSIM.
_WINDOW = 11


def psnr(sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour = "y") -> float:
    """Peak signal-to-noise ratio in dB of two uint8 RGB images of shape (H, W, 3).

    `border` pixels at each side are left out: by convention as many as the scale. Infinite where the
    images are equal.

    Raises:
        RequestError: nothing is left inside the border.
        ValueError: the shapes differ.
    """
    return _measure("calculate_psnr", sr, hr, border, colour, at_least=1)


def ssim(sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour = "y") -> float:
    """Structural similarity (Wang et al., 2004) of two uint8 RGB images of shape (H, W, 3), in [-1, 1].

    An 11 x 11 Gaussian window of deviation 1.5, only where it lies within the image; `border` as for `psnr`.

    Raises:
        RequestError: less than one window is left inside the border.
        ValueError: the shapes differ.
    """
    return _measure("calculate_ssim", sr, hr, border, colour, at_least=_WINDOW)


def _measure(function: str, sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour, at_least: int) -> float:
    if colour not in ("y", "rgb"):
        raise ValueError(f"colour is 'y' or 'rgb', not {colour!r}")
    if sr.shape != hr.shape:
        raise ValueError(f"the images differ in shape: SR {sr.shape}, HR {hr.shape}")
    needed = at_least + 2 * border
    if min(sr.shape[:2]) < needed:
        raise RequestError(
            f"an image of {sr.shape[1]} x {sr.shape[0]} pixels is too small to measure: "
            f"with a border of {border} it must be at least {needed} x {needed}"
        )
    measure: Callable[..., float] = getattr(import_basicsr("basicsr.metrics"), function)
    # BasicSR takes BGR, as OpenCV reads it.
    return float(measure(sr[:, :, ::-1], hr[:, :, ::-1], border, test_y_channel=colour == "y"))
