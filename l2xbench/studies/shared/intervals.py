"""Means over images of which some may have no value, and how sure they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2xbench.studies.shared.paired import interval

NOTE = "95 % intervals: bootstrap over images (docs/explanation/statistics.md)"


def image_interval(rows: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """The 95 % interval of a mean over images, see `paired.interval`.

    Args:
        rows: (images, ...), one value an image, or more; NaN where an image has none, which is left out.
        seed: of the resamples.

    Returns:
        (2, ...): lower and upper end; NaN where there are fewer than two images.

    Examples:
        >>> image_interval(np.array([1.0, 1.0, 1.0]), seed=0).tolist()
        [1.0, 1.0]
    """
    columns = rows.reshape(len(rows), -1)
    known = np.isfinite(columns)
    if known.all():
        ends = np.stack(interval(columns, seed))
    else:
        each = [interval(columns[there, place, None], seed) for place, there in enumerate(known.T)]
        ends = np.array(each)[:, :, 0].T
    return np.asarray(ends.reshape(2, *rows.shape[1:]))


def image_mean(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean over images (images, ...), of those that have a value; NaN where none has."""
    known = ~np.isnan(rows)
    counts = known.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, rows, 0).sum(axis=0) / np.where(counts == 0, np.nan, counts))
