"""The luma of ITU-R BT.601, the Y channel of SR papers: one set of weights, for metrics and for figures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LUMA = (0.299, 0.587, 0.114)
"""The weights of red, green and blue."""
LEVELS = 219
"""Studio range: the luma of white is 16 + 219 = 235, that of black 16."""


def luma(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(..., 3) RGB to (...) in [0, 255], without the offset and range that metrics add.

    Examples:
        >>> round(float(luma(np.array([255, 255, 255], np.uint8))))
        255
    """
    return np.asarray(image.astype(np.float64) @ np.array(LUMA))
