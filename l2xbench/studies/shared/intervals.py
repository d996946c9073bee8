"""How sure a mean over images is: percentile bootstrap intervals (Efron, 1979)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = (2.5, 97.5)
NOTE = "95 % intervals: bootstrap over images (2,000 resamples)"


def image_interval(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The 95 % interval of a mean over images.

    Args:
        rows: (images, ...), one value an image, or more that are resampled together; NaN where an image has none.
        seed: of the resamples.

    Returns:
        (2, ...): lower and upper end; NaN where there are fewer than two images.

    Example:
        >>> image_interval(np.array([1.0, 1.0, 1.0]), seed=0).tolist()
        [1.0, 1.0]
    """
    if len(rows) < 2:
        return np.full((2, *rows.shape[1:]), np.nan)
    chosen = np.random.default_rng(seed).integers(len(rows), size=(RESAMPLES, len(rows)))
    resampled = _means(rows[chosen], 1).reshape(RESAMPLES, -1)
    ends = np.full((2, resampled.shape[1]), np.nan)
    for place, column in enumerate(resampled.T):
        known = column[~np.isnan(column)]
        if len(known):
            ends[:, place] = np.percentile(known, LEVEL)
    return ends.reshape(2, *rows.shape[1:])


def image_mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over images (images, ...), of those that have a value; NaN where none has."""
    return _means(rows, 0)


def _means(rows: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    known = ~np.isnan(rows)
    counts = known.sum(axis=axis)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, rows, 0).sum(axis=axis) / np.where(counts == 0, np.nan, counts))
