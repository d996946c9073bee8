"""CKA against its definition, and what its two estimators promise."""

# ruff: noqa: E741  K and L are the paper's names

from __future__ import annotations

import itertools

import numpy as np
import pytest

from l2xbench.studies.similarity.cka import align, centred, cka, gram, hsic
from l2xbench.system import threads

ESTIMATORS = ("biased", "unbiased")


def matrix(m: int, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(m, n))


def related(m: int = 30, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Two matrices of different widths that share a part."""
    common = matrix(m, 4, 1)
    a = common @ matrix(4, 40, 2) + noise * matrix(m, 40, 3) + 5
    b = common @ matrix(4, 25, 4) + noise * matrix(m, 25, 5) - 2
    return a, b


def test_biased_is_the_papers_equation_7() -> None:
    for r1, r2 in (related(), related(8, 3.0), (np.abs(matrix(12, 500, 6)), np.abs(matrix(12, 300, 7)))):
        m = len(r1)
        k, l = r1 @ r1.T, r2 @ r2.T
        h = np.eye(m) - np.ones((m, m)) / m

        def hsic(a: np.ndarray, b: np.ndarray) -> float:
            return float(np.trace(a @ h @ b @ h) / (m - 1) ** 2)  # noqa: B023

        direct = hsic(k, l) / np.sqrt(hsic(k, k) * hsic(l, l))
        assert abs(cka(k, l) - direct) < 1e-10
        # and as Kornblith et al. write it for a linear kernel, from centred features
        x, y = r1 - r1.mean(0), r2 - r2.mean(0)
        features = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
        assert abs(cka(k, l) - features) < 1e-10


def test_unbiased_is_song_et_als_formula_and_its_mean_over_distinct_samples() -> None:
    r1, r2 = related(7)
    k, l = r1 @ r1.T, r2 @ r2.T
    m = len(k)
    a, b = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))
    one = np.ones(m)
    song = (
        np.trace(a @ b) + (one @ a @ one) * (one @ b @ one) / ((m - 1) * (m - 2)) - 2 / (m - 2) * (one @ a @ b @ one)
    ) / (m * (m - 3))
    (ours,) = hsic(centred(k), centred(l), np.ones((1, m)), "unbiased")
    assert abs(ours - song) < 1e-10 * abs(song)
    tuples = itertools.permutations(range(m), 4)
    mean = np.mean([k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in tuples])
    assert abs(mean - song) < 1e-10 * abs(song)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_one_with_itself_and_blind_to_rotation_and_scale(estimator: str) -> None:
    r1, r2 = related()
    k, l = r1 @ r1.T, r2 @ r2.T
    assert abs(cka(k, k, estimator) - 1) < 1e-12
    rotation, _ = np.linalg.qr(matrix(40, 40, 8))
    turned = 1e-4 * r1 @ rotation
    assert abs(cka(turned @ turned.T, k, estimator) - 1) < 1e-10
    assert abs(cka(turned @ turned.T, l, estimator) - cka(k, l, estimator)) < 1e-10
    assert abs(cka(l, k, estimator) - cka(k, l, estimator)) < 1e-12
    assert 0.1 < cka(k, l, estimator) < 0.99


def test_unbiased_is_near_zero_for_unrelated_wide_matrices_where_biased_is_near_one() -> None:
    r1, r2 = matrix(20, 5000, 9), matrix(20, 5000, 10)
    k, l = r1 @ r1.T, r2 @ r2.T
    assert abs(cka(k, l, "unbiased")) < 0.05
    assert cka(k, l, "biased") > 0.9


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_weights_are_repetitions_that_are_no_pairs(estimator: str) -> None:
    r1, r2 = related(9)
    k, l = r1 @ r1.T, r2 @ r2.T
    counts = np.array([0, 2, 1, 1, 0, 3, 1, 0, 1])
    (weighted,) = hsic(centred(k), centred(l), counts[None].astype(float), estimator)
    drawn = np.repeat(np.arange(9), counts)
    if estimator == "biased":
        m = len(drawn)
        h = np.eye(m) - np.ones((m, m)) / m
        expected = np.trace(k[np.ix_(drawn, drawn)] @ h @ l[np.ix_(drawn, drawn)] @ h) / m**2
    else:
        distinct = [t for t in itertools.permutations(drawn.tolist(), 4) if len(set(t)) == 4]
        expected = np.mean([k[i, j] * (l[i, j] + l[q, r] - 2 * l[i, q]) for i, j, q, r in distinct])
    assert abs(weighted - expected) < 1e-10 * abs(expected)


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_related_networks_are_told_from_unrelated_ones(estimator: str) -> None:
    r1, r2 = related(40)
    found = align(r1 @ r1.T, r2 @ r2.T, range(40), estimator, permutations=199, bootstrap=300)
    assert found.p_value == 1 / 200
    assert found.low < found.cka < found.high <= 1
    assert 0 < found.high - found.low < 0.6
    assert found.chance < found.cka / 2
    strangers = matrix(40, 30, 11)
    alone = align(r1 @ r1.T, strangers @ strangers.T, range(40), estimator, permutations=199, bootstrap=0)
    assert alone.p_value > 0.02
    assert np.isnan(alone.low)
    assert abs(alone.chance - alone.cka) < 0.1
    assert abs(alone.chance) < 0.05 or estimator == "biased"


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_p_values_of_unrelated_matrices_are_spread_evenly(estimator: str) -> None:
    values = []
    for seed in range(60):
        a, b = matrix(12, 6, 100 + seed), matrix(12, 6, 500 + seed)
        values.append(align(a @ a.T, b @ b.T, range(12), estimator, permutations=99, bootstrap=0).p_value)
    assert 0.35 < np.mean(values) < 0.65
    assert np.mean(np.array(values) <= 0.1) < 0.25


def test_crops_of_an_image_are_not_taken_for_independent() -> None:
    """Two networks that agree on nothing, but each of which is sure of the image, crop after crop."""
    images, crops = 10, 8
    groups = np.repeat(np.arange(images), crops).tolist()
    naive, honest = [], []
    for seed in range(20):
        a, b = (
            np.repeat(matrix(images, 5, 2 * seed + i), crops, axis=0) + 0.1 * matrix(80, 5, 100 + 2 * seed + i)
            for i in (0, 1)
        )
        naive.append(align(a @ a.T, b @ b.T, range(80), permutations=49, bootstrap=100))
        honest.append(align(a @ a.T, b @ b.T, groups, permutations=49, bootstrap=100))
    assert all(found.p_value == 1 / 50 for found in naive)
    assert 0.35 < np.mean([found.p_value for found in honest]) < 0.65
    widths = [np.mean([found.high - found.low for found in each]) for each in (naive, honest)]
    assert widths[1] > 1.5 * widths[0]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_not_defined_is_nan_and_never_a_number(estimator: str) -> None:
    r1, r2 = related(12)
    flat = np.ones((12, 30))
    found = align(flat @ flat.T, r2 @ r2.T, range(12), estimator, permutations=9, bootstrap=9)
    assert all(np.isnan(number) for number in (found.cka, found.low, found.p_value, found.chance))
    assert np.isnan(cka(np.zeros((12, 12)), r1 @ r1.T, estimator))
    few = 1 if estimator == "biased" else 3
    assert np.isnan(cka(r1[:few] @ r1[:few].T, r2[:few] @ r2[:few].T, estimator))


def test_gram_in_blocks_is_the_gram_matrix() -> None:
    whole = matrix(17, 6, 16).astype(np.float32)
    counts = [3, 5, 1, 4, 4]
    parts = np.split(whole, np.cumsum(counts)[:-1])
    exact = whole.astype(np.float64) @ whole.astype(np.float64).T
    for block in (1, 6 * 8 * 6, 2**20):
        assert np.abs(gram(parts.__getitem__, counts, block) - exact).max() < 1e-12


def test_groups_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="different sizes"):
        align(np.eye(5), np.eye(5), [0, 0, 0, 1, 1])


def test_numbers_do_not_hang_on_how_many_threads_multiply_matrices() -> None:
    """On some machines 320 samples are enough for NumPy's products of two threads to round otherwise."""
    rows = [matrix(320, 700, seed) for seed in (1, 2)]
    found = []
    for count in (1, 2):
        with threads.blas(count):
            k, l = (gram(lambda part, r=r: r[8 * part : 8 * part + 8], [8] * 40) for r in rows)
            found.append((k.tobytes(), cka(k, l), align(k, l, range(320), permutations=20, bootstrap=20)))
    assert found[0] == found[1]
