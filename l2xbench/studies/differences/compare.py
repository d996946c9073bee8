"""From what studies measure for each image to the differences between networks, and their ranks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from l2xbench.store.results import Results
from l2xbench.studies.registry import all_studies
from l2xbench.studies.shared.paired import CONFIDENCE, PairedDifferences, compared
from l2xbench.studies.study import ImageMeasure

MOST_NETWORKS = 40
"""Where there are more networks, each is compared with that of the largest mean: nobody reads a thousand pairs."""


@dataclass(frozen=True)
class Ranks:
    """The networks' ranks by one measure, over the images that all of them have (Demsar, 2006).

    Attributes:
        mean: (networks,) mean rank of those that are ranked, 1 for the best; ties share theirs.
        friedman: p of Friedman's test that all networks rank alike; NaN with fewer than three networks.
        critical: two networks whose mean ranks lie further apart differ (Nemenyi's test at 5 %).
        images: how many.
    """

    mean: NDArray[np.float64]
    friedman: float
    critical: float
    images: int

    def cliques(self) -> list[tuple[int, int]]:
        """Runs of networks, by place in rank order, whose ranks lie within the critical difference; no run in another.

        Examples:
            >>> Ranks(np.array([1.0, 1.5, 3.0, 3.4]), 0.01, 1.6, 20).cliques()
            [(0, 1), (1, 2), (2, 3)]
        """
        ranks = np.sort(self.mean)
        ends = [int(np.searchsorted(ranks, rank + self.critical, side="right")) - 1 for rank in ranks]
        runs: list[tuple[int, int]] = []
        for start, end in enumerate(ends):
            if end > start and (not runs or end > runs[-1][1]):
                runs.append((start, end))
        return runs


@dataclass(frozen=True)
class Compared:
    """One measure of one dataset, and what it says of its networks.

    Attributes:
        measure: the numbers.
        order: the networks, as rows of the measure, by their means, the largest first.
        means: (networks,) over the images that each has.
        pairs: of rows of the measure; the first has the larger mean.
        comparison: of these pairs.
        ranks: None where fewer than two networks have all images.
        ranked: rows of the measure, of those that are ranked.
    """

    measure: ImageMeasure
    order: list[int]
    means: NDArray[np.float64]
    pairs: list[tuple[int, int]]
    comparison: PairedDifferences
    ranks: Ranks | None
    ranked: list[int]

    @property
    def best(self) -> list[int]:
        """The ranked networks' rows, the best first; by the mean, the largest first where neither is better."""
        order = [row for row in self.order if row in self.ranked]
        return order[::-1] if self.measure.better == "low" else order


def speaks_for_all(results: Results) -> bool:
    """Whether a run is the one that its folder's page is about, and no later command for one study alone."""
    return results.name == "manifest.json"


def compare_all(results: Results) -> list[Compared]:
    """What every study measures for each image, compared; in the order of studies, datasets as each gives them."""
    seed = results.manifest.seed
    return [compare(measure, seed) for measure in all_measures(results)]


def all_measures(results: Results) -> Iterator[ImageMeasure]:
    """The measures of every study."""
    for study in all_studies():
        yield from study.measures(results)


def compare(measure: ImageMeasure, seed: int) -> Compared:
    """Compares the networks of one measure.

    Networks that have fewer images than others are compared on those that both have, and not ranked.
    """
    there = np.isfinite(measure.values)
    counts = there.sum(axis=1)
    means = np.array(
        [row[known].mean() if known.any() else np.nan for row, known in zip(measure.values, there, strict=True)]
    )
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda row: -means[row])
    pairs = list(combinations(order, 2))
    if len(order) > MOST_NETWORKS:
        pairs = [(order[0], row) for row in order[1:]]
    ranked = [row for row in range(len(counts)) if counts[row] == counts.max()]
    common = there[ranked].all(axis=0)
    ranks = None
    if len(ranked) > 1 and common.any():
        ranks = make_ranks(measure.values[ranked][:, common], low=measure.better == "low")
    return Compared(measure, order, means, pairs, compared(measure.values, pairs, seed), ranks, ranked)


def make_ranks(values: NDArray[np.float64], *, low: bool = False) -> Ranks:
    """Friedman's test and Nemenyi's critical difference of values (networks, images).

    Args:
        values: finite.
        low: whether the least value ranks first.
    """
    k, n = values.shape
    ranks = stats.rankdata(values if low else -values, axis=0)
    tested = k > 2 and n > 1 and not (ranks == ranks[0]).all()
    friedman = float(stats.friedmanchisquare(*values).pvalue) if tested else math.nan
    return Ranks(ranks.mean(axis=1), friedman, critical_difference(k, n), n)


def critical_difference(networks: int, images: int) -> float:
    """Nemenyi's critical difference of mean ranks, q sqrt(k (k + 1) / (6 n)), at 5 % (Demsar, 2006, Sec. 3.2.2).

    Examples:
        >>> round(critical_difference(4, 14), 2)  # the paper's own example, Sec. 3.2.4
        1.25
    """
    q = float(stats.studentized_range.isf(1 - CONFIDENCE, networks, np.inf)) / math.sqrt(2)
    return q * math.sqrt(networks * (networks + 1) / (6 * images))
