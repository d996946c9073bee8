"""Networks compared image by image: intervals by the paired bootstrap, p by sign flips, Holm's correction; numpy alone.

`docs/explanation/statistics.md` says why these, and with what sources.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from l2xbench.system import threads

CONFIDENCE = 0.95
RESAMPLES = 5_000
FEWEST_FLIPS = 10_000
_ALL_FLIPS = 14
"""Up to so many images every combination of signs is tried."""
_CHUNK = 2**22  # numbers that a batch of weights or signs may hold

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class PairedDifferences:
    """Pairs of networks on the images that both have; all arrays are (pairs,)."""

    difference: Numbers
    """The first's mean minus the second's; NaN where they have no image in common."""
    low: Numbers
    """The interval's lower end; NaN with fewer than two images."""
    high: Numbers
    p_value: Numbers
    images: NDArray[np.int64]

    @property
    def p_holm(self) -> Numbers:
        """p after Holm's correction over these pairs."""
        return holm(self.p_value)

    @property
    def differs(self) -> NDArray[np.bool_]:
        """Whether a pair differs beyond chance: by p after Holm's correction, and with an interval away from 0."""
        return (self.p_holm <= 1 - CONFIDENCE + 1e-12) & is_beyond(self.low, self.high)


def compared(values: Numbers, pairs: Sequence[tuple[int, int]], seed: int, *, tested: bool = True) -> PairedDifferences:
    """Compares networks on the images that both of a pair have.

    Args:
        values: (networks, images); what is not finite counts as not there.
        pairs: of rows of `values`.
        seed: of resamples and signs.
        tested: whether p is wanted, which takes as long as the intervals; NaN otherwise.
    """
    there = np.isfinite(values)
    members: dict[bytes, list[int]] = {}
    for place, (a, b) in enumerate(pairs):
        members.setdefault((there[a] & there[b]).tobytes(), []).append(place)
    difference, low, high, p_value = (np.full(len(pairs), np.nan) for _ in range(4))
    images = np.zeros(len(pairs), dtype=np.int64)
    for places in members.values():
        first, second = (np.array([pairs[place][side] for place in places]) for side in (0, 1))
        common = there[first[0]] & there[second[0]]
        images[places] = common.sum()
        if common.any():
            apart = (values[first][:, common] - values[second][:, common]).T
            difference[places] = apart.mean(axis=0)
            low[places], high[places] = interval(apart, seed)
            if tested:
                p_value[places] = sign_flip_p(apart, seed)
    return PairedDifferences(difference, low, high, p_value, images)


@threads.blas(1)
def interval(values: Numbers, seed: int) -> tuple[Numbers, Numbers]:
    """The 95 % interval of each column's mean, by the bootstrap over the rows.

    Percentiles of resampled means are too near to the mean where rows are few (Hesterberg, 2015): they miss the factor
    sqrt(n / (n - 1)) of a standard deviation and take the normal distribution for Student's. Their distances from the
    mean are stretched by both, so that values that are normally distributed get Student's interval at any n, and
    others keep their skewness.

    Args:
        values: (n, columns), finite: an image a row.
        seed: of the resamples.

    Returns:
        low and high, (columns,); NaN where n is less than 2.

    Examples:
        >>> low, high = interval(np.array([[1.0], [2.0], [3.0], [4.0], [5.0]]), seed=0)
        >>> bool(0.8 < low[0] < 1.4), bool(4.6 < high[0] < 5.2)
        (True, True)
    """
    n, columns = values.shape
    nothing = np.full(columns, np.nan)
    if n < 2:
        return nothing, nothing.copy()
    random = np.random.default_rng(seed)
    mean = values.mean(axis=0)
    resampled = np.empty((RESAMPLES, columns))
    step = max(1, _CHUNK // n)
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        counts = random.multinomial(n, np.full(n, 1 / n), size=size)
        resampled[start : start + size] = counts @ (values - mean) / n
    tail = (1 - CONFIDENCE) / 2
    stretch = math.sqrt(n / (n - 1)) * stats.t.isf(tail, n - 1) / stats.norm.isf(tail)
    low, high = stretch * np.quantile(resampled, [tail, 1 - tail], axis=0) + mean
    return low, high


@threads.blas(1)
def sign_flip_p(differences: Numbers, seed: int) -> Numbers:
    """p of each column's mean being 0, two-sided: how often signs drawn at random make it as large.

    Exact where differences are as likely above as below 0, whatever their distribution; all 2^n signs are tried for up
    to 14 rows, else as many at random as a correction over the columns needs. The least p of n rows is 2 / 2^n.

    Args:
        differences: (n, columns), finite; n at least 1.
        seed: of the signs.

    Returns:
        p, (columns,).

    Examples:
        >>> sign_flip_p(np.array([[1.0, -1.0], [2.0, 2.0], [3.0, 1.0], [4.0, 0.5]]), seed=0).tolist()
        [0.125, 0.5]
    """
    n, columns = differences.shape
    observed = np.abs(differences.sum(axis=0))
    enough = observed - 1e-9 * np.abs(differences).sum(axis=0)  # equal up to rounding is equal
    as_large = np.zeros(columns, dtype=np.int64)
    exact = n <= _ALL_FLIPS
    # by symmetry the first sign may stay
    tried = 2 ** (n - 1) if exact else max(FEWEST_FLIPS, 50 * columns)
    random = np.random.default_rng(seed)
    step = max(1, _CHUNK // max(n, columns))
    for start in range(0, tried, step):
        size = min(step, tried - start)
        if exact:
            codes = np.arange(start, start + size)[:, None] >> np.arange(n)[None, :]
            signs = 1.0 - 2.0 * (codes & 1)
        else:
            signs = random.choice([-1.0, 1.0], size=(size, n))
        as_large += (np.abs(signs @ differences) >= enough).sum(axis=0)
    return np.asarray(as_large / tried if exact else (1 + as_large) / (1 + tried))


def holm(p_values: Numbers) -> Numbers:
    """p after Holm's step-down correction (1979), which holds for tests that depend on each other; NaN stays NaN.

    Examples:
        >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
        [0.03, 0.06, 0.06]
    """
    found = np.full(len(p_values), np.nan)
    known = np.flatnonzero(np.isfinite(p_values))
    order = known[np.argsort(p_values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    found[order] = np.minimum(np.maximum.accumulate(factors * p_values[order]), 1.0)
    return found


def is_beyond(low: Numbers, high: Numbers) -> NDArray[np.bool_]:
    """Whether intervals lie wholly above or below 0; false where there is none."""
    return np.asarray((low > 0) | (high < 0))


def is_beyond_as_one_of(claims: int, mean: float, low: float, high: float, images: int) -> bool:
    """Whether an interval lies away from 0 even if it is one of so many that are looked at (Bonferroni).

    Its ends are moved from the mean by the ratio of Student's quantiles, as its level falls from 5 % to 5 % / claims.

    Examples:
        >>> is_beyond_as_one_of(1, 0.3, 0.1, 0.5, 8), is_beyond_as_one_of(11, 0.3, 0.1, 0.5, 8)
        (True, False)
    """
    if images < 2:
        return False
    tail = (1 - CONFIDENCE) / 2
    wider = float(stats.t.isf(tail / claims, images - 1) / stats.t.isf(tail, images - 1))
    return mean + wider * (low - mean) > 0 or mean + wider * (high - mean) < 0


def images_needed(pairs: int) -> int:
    """The fewest images with which a pair among so many can differ beyond chance: the least p is 2 / 2^n.

    Examples:
        >>> images_needed(1), images_needed(55)
        (6, 12)
    """
    return math.ceil(1 + math.log2(pairs / (1 - CONFIDENCE)))
