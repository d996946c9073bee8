"""Noisy linear imputation: hidden pixels become what their neighbours say, so that an image without them is an image.

Y. Rong et al., A Consistent and Efficient Evaluation Strategy for Attribution Methods, ICML 2022 (ROAD).
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu

NOISE = 0.01
"""Deviation of the noise that is added to imputed values, as published; in the image's units, [0, 1]."""
NEIGHBOURS = {
    (down, across): 1 / 6 if 0 in (down, across) else 1 / 12
    for down in (-1, 0, 1)
    for across in (-1, 0, 1)
    if (down, across) != (0, 0)
}
"""The weights of the eight pixels around one, as published; beyond the image there is none, and the others' are scaled
to sum 1."""


def imputed(planes: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Planes whose hidden pixels are the weighted means of their neighbours, hidden ones among them.

    That is a system of linear equations, one for each hidden pixel, which is solved exactly; no noise is added here.

    Args:
        planes: (C, H, W).
        hidden: (H, W), true where a pixel is hidden; at least one is not.

    Returns:
        (C, H, W) float64.

    Raises:
        ValueError: every pixel is hidden.

    Examples:
        >>> row = np.array([[[1.0, 0.0, 4.0]]])
        >>> imputed(row, np.array([[False, True, False]])).tolist()
        [[[1.0, 2.5, 4.0]]]
    """
    filled = planes.astype(np.float64)
    if not hidden.any():
        return filled
    if hidden.all():
        raise ValueError("every pixel is hidden: there is nothing to impute them from")
    height, width = hidden.shape
    rows, columns = np.nonzero(hidden)
    count = len(rows)
    number = np.full(hidden.shape, -1)
    number[rows, columns] = np.arange(count)
    total = np.zeros(count)
    known = np.zeros((count, len(planes)))
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for (down, across), weight in NEIGHBOURS.items():
        there = (rows + down >= 0) & (rows + down < height) & (columns + across >= 0) & (columns + across < width)
        here = np.flatnonzero(there)
        beside = rows[here] + down, columns[here] + across
        total[here] += weight
        unknown = number[beside] >= 0
        entries.append((here[unknown], number[beside][unknown], np.full(int(unknown.sum()), -weight)))
        known[here[~unknown]] += weight * filled[:, beside[0][~unknown], beside[1][~unknown]].T
    entries.append((np.arange(count), np.arange(count), total))
    equation, variable, factor = (np.concatenate(each) for each in zip(*entries, strict=True))
    system = csc_matrix((factor, (equation, variable)), shape=(count, count))
    filled[:, rows, columns] = splu(system).solve(known).T
    return filled
