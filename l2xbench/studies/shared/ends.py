"""The networks of the largest and the least mean: whether they differ, given that they are the ends of many."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from l2xbench.studies.shared.paired import Numbers, compared, images_needed


@dataclass(frozen=True)
class Ends:
    """Two rows of values (networks, images).

    Attributes:
        least: the row of the least mean.
        most: the row of the largest.
        differs: whether they differ beyond chance, with Holm's correction over all pairs of networks.
        images: how many both have.
        lacking: what images lack; empty where they are enough to tell any pair apart.
    """

    least: int
    most: int
    differs: bool
    images: int
    lacking: str


def ends(values: Numbers, seed: int) -> Ends | None:
    """The ends of values (networks, images), NaN where there is none; None where fewer than two networks, or two
    images that both have, are known.

    Examples:
        >>> found = ends(np.array([[1.0, 2, 3, 4, 5, 6], [2, 3, 4, 5, 6, 7.1]]), seed=0)
        >>> (found.least, found.most, found.differs, found.images, found.lacking)
        (0, 1, True, 6, '')
        >>> ends(np.array([[1.0, 2, 3], [2, 3, 4.1]]), seed=0).lacking
        'to tell two networks apart takes 6 images'
    """
    known = np.isfinite(values)
    means = {row: values[row, known[row]].mean() for row in np.flatnonzero(known.any(axis=1)).tolist()}
    order = sorted(means, key=lambda row: -means[row])
    if len(order) < 2:
        return None
    pairs = list(combinations(order, 2))
    made = compared(values, pairs, seed)
    place = pairs.index((order[0], order[-1]))
    if made.images[place] < 2:
        return None
    needed, these = images_needed(len(pairs)), "two networks" if len(pairs) == 1 else f"any of {len(pairs)} pairs"
    lacking = f"to tell {these} apart takes {needed} images" if made.images.max() < needed else ""
    return Ends(order[-1], order[0], bool(made.differs[place]), int(made.images[place]), lacking)
