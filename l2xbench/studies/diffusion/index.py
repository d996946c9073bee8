"""LAM's diffusion index (Gu and Dong, 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def diffusion_index(values: NDArray[np.floating[Any]]) -> float:
    """LAM's diffusion index of a map (C, H, W): 100 (1 - G), in [0, 100]; 100 where all pixels count alike.

    G is the Gini coefficient of the absolute values of the channels' sums (Gu and Dong, 2021, Eq. 9).
    """
    sizes = np.sort(abs(values.sum(axis=0)).ravel().astype(np.float64))
    total = sizes.sum()
    if total == 0:
        return 100.0
    count = len(sizes)
    gini = ((2 * np.arange(1, count + 1) - count - 1) * sizes).sum() / (count * total)
    return float(100 * (1 - gini))
