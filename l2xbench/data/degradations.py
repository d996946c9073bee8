"""How LR is made from HR: by MATLAB's bicubic, which SR papers use, or by Pillow's, which LAM's and CEM's demos use."""

from __future__ import annotations

from typing import Literal

import numpy as np

from l2xbench.data.bicubic import resize

LrChoice = Literal["auto", "matlab", "pillow"]
"""`auto` takes the LR file where there is one, and MATLAB's bicubic of HR elsewhere; the others always make LR."""
Degradation = Literal["matlab", "pillow"]
NAMES: dict[Degradation, str] = {"matlab": "bicubic", "pillow": "Pillow's bicubic"}
"""What tables and notes call it."""


def degrade(hr: np.ndarray, scale: int, degradation: Degradation = "matlab") -> np.ndarray:
    """The LR image of an HR one.

    Both are Keys' cubic with a = -0.5, antialiased. Pillow's works on 8 bits, renormalises the kernel at the border
    where MATLAB's mirrors the image, and rounds between its horizontal and its vertical pass.

    Args:
        hr: (scale h, scale w, 3) uint8.
        scale: HR pixels for each LR pixel, along each side; at 1, HR itself is returned.
        degradation: `matlab` or `pillow`.

    Returns:
        (h, w, 3) uint8.

    Example:
        >>> import numpy as np
        >>> degrade(np.full((8, 12, 3), 200, np.uint8), 4, "pillow").shape
        (2, 3, 3)
    """
    if scale == 1:
        return hr
    if degradation == "matlab":
        return resize(hr, 1 / scale)
    from PIL import Image  # a study is parsed by the names above, and needs no image for that

    height, width = (length // scale for length in hr.shape[:2])
    return np.asarray(Image.fromarray(hr).resize((width, height), Image.Resampling.BICUBIC))
