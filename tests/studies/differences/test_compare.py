"""Ranks, critical differences and pairs of made measures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from l2xbench.studies.differences import compare
from l2xbench.studies.differences.compare import Ranks, critical_difference, make_ranks
from tests.studies.differences.made import measure

# q of Nemenyi's test at 5 % for so many networks (Demsar, 2006, Table 5a)
Q = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.mark.parametrize("networks", Q)
def test_critical_differences_are_those_of_the_published_table(networks: int) -> None:
    scale = math.sqrt(networks * (networks + 1) / (6 * 20))
    assert critical_difference(networks, 20) / scale == pytest.approx(Q[networks], abs=8e-4)


def test_ranks_are_means_over_images_with_shared_ties() -> None:
    ranks = make_ranks(np.array([[3.0, 3.0, 1.0], [2.0, 3.0, 2.0], [1.0, 1.0, 0.0]]))
    assert ranks.mean == pytest.approx([(1 + 1.5 + 2) / 3, (2 + 1.5 + 1) / 3, 3])
    assert make_ranks(np.array([[3.0, 3.0], [2.0, 1.0]]), low=True).mean.tolist() == [2, 1]
    assert math.isnan(make_ranks(np.ones((3, 4))).friedman), "nothing to rank"


def test_friedmans_p_is_small_only_where_networks_keep_their_places() -> None:
    noise = np.random.default_rng(0).normal(size=(4, 20))
    assert make_ranks(noise).friedman > 0.05
    assert make_ranks(noise + 2 * np.arange(4)[:, None]).friedman < 1e-6


def test_cliques_are_the_longest_runs_within_the_critical_difference() -> None:
    def cliques(critical: float) -> list[tuple[int, int]]:
        return Ranks(np.array([4.0, 1.0, 2.0, 2.5]), 0.5, critical, 9).cliques()

    assert cliques(0.4) == []
    assert cliques(0.5) == [(1, 2)]
    assert cliques(1.5) == [(0, 2), (2, 3)]
    assert cliques(3.0) == [(0, 3)]


def test_pairs_begin_with_the_larger_mean_and_networks_that_lack_images_are_not_ranked() -> None:
    made = compare.compare(measure({"a": [1, 2, 3], "b": [4, 5, 6], "c": [9, 9, None]}), seed=0)
    assert made.pairs == [(2, 1), (2, 0), (1, 0)]
    assert made.comparison.images.tolist() == [2, 2, 3]
    assert made.ranks is not None and made.ranks.images == 3
    assert made.ranked == [0, 1] and made.best == [1, 0]
    assert compare.compare(measure({"a": [1, 2], "b": [4, 5]}, better="low"), seed=0).best == [0, 1]


def test_of_very_many_networks_each_is_compared_with_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MOST_NETWORKS", 3)
    made = compare.compare(measure({name: [place, place + 1] for place, name in enumerate("abcd")}), seed=0)
    assert made.pairs == [(3, 2), (3, 1), (3, 0)]
