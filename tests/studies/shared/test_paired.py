"""Intervals cover, tests of nothing claim nothing, and what differs is found."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from l2xbench.studies.shared.paired import compared, holm, images_needed, interval, sign_flip_p

RANDOM = np.random.default_rng(0)


@pytest.mark.parametrize("n", [4, 8, 30])
def test_intervals_of_normal_values_are_students_and_cover_the_mean(n: int) -> None:
    values = np.random.default_rng(n).normal(size=(n, 1500))
    low, high = interval(values, seed=0)
    covered = ((low < 0) & (high > 0)).mean()
    assert covered == pytest.approx(0.95, abs=0.025)
    width = 2 * stats.t.isf(0.025, n - 1) * values.std(axis=0, ddof=1) / np.sqrt(n)
    assert np.median((high - low) / width) == pytest.approx(1, abs=0.06)
    assert np.isnan(interval(values[:1], seed=0)).all()


def test_intervals_keep_the_skewness() -> None:
    low, high = interval(np.array([[0.0], [0.0], [0.0], [0.1], [0.1], [5.0]]), seed=0)
    mean = 5.2 / 6
    assert high[0] - mean > 1.3 * (mean - low[0])


def test_p_is_scipys_of_all_signs() -> None:
    differences = RANDOM.normal(0.4, 1, size=(9, 3))
    expected = [
        stats.permutation_test(
            (column,), lambda x, axis: x.mean(axis=axis), permutation_type="samples", n_resamples=np.inf
        ).pvalue
        for column in differences.T
    ]
    assert sign_flip_p(differences, seed=0) == pytest.approx(expected)


def test_p_of_many_images_is_of_random_signs_and_small_enough_for_a_correction() -> None:
    differences = np.column_stack([RANDOM.normal(1.0, 1, size=(40, 435)), RANDOM.normal(0.25, 1, size=40)])
    p = sign_flip_p(differences, seed=0)
    assert p[-1] == pytest.approx(stats.ttest_1samp(differences[:, -1], 0).pvalue, abs=0.02)
    assert (holm(p)[:-1] < 0.05).all()
    assert sign_flip_p(np.zeros((20, 1)), seed=0) == [1.0]


def test_holm_is_its_definition_and_leaves_gaps() -> None:
    p = np.array([0.04, np.nan, 0.005, 0.02, 0.5])
    assert holm(p) == pytest.approx([0.08, np.nan, 0.02, 0.06, 0.5], nan_ok=True)
    assert holm(np.array([0.5, 0.6])).max() == 1.0


def test_networks_that_do_not_differ_are_hardly_ever_told_apart() -> None:
    random, pairs = np.random.default_rng(1), list(combinations(range(5), 2))
    images = random.normal(30, 5, size=(100, 1, 12))  # hard and easy ones, which pairing takes out
    studies = images + random.standard_t(3, size=(100, 5, 12))
    wrong = sum(compared(values, pairs, seed=0).differs.any() for values in studies)
    assert wrong <= 0.1 * len(studies)


def test_a_difference_on_every_image_is_found_however_much_images_differ() -> None:
    values = RANDOM.normal(30, 5, size=(1, 20)) + RANDOM.normal(0, 0.1, size=(3, 20))
    values[2] += 0.3
    made = compared(values, [(0, 1), (2, 0), (2, 1)], seed=0)
    assert made.differs.tolist() == [False, True, True]
    assert made.difference[1] == pytest.approx(0.3, abs=0.1)
    assert made.low[1] < made.difference[1] < made.high[1]


def test_only_images_that_both_have_are_compared() -> None:
    values = np.array([[1.0, 2, 3, np.inf], [1, 2, 3, 4], [np.nan, 1, 2, 3], [np.nan, np.nan, np.nan, np.nan]])
    made = compared(values, [(0, 1), (1, 2), (0, 2), (0, 3)], seed=0)
    assert made.images.tolist() == [3, 3, 2, 0]
    assert made.difference == pytest.approx([0, 1, 1, np.nan], nan_ok=True)
    assert not made.differs.any()


def test_with_too_few_images_nothing_can_differ() -> None:
    assert images_needed(1) == 6
    values = np.array([[1, 1.01, 0.99, 1, 1, 1.02], [0] * 6])
    assert not compared(values[:, :5], [(0, 1)], seed=0).differs.any()
    assert compared(values, [(0, 1)], seed=0).differs.all()
