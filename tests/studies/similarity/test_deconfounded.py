"""dCKA against its definition, and what it promises where two networks see the same confounder."""

# ruff: noqa: E741  K and L are the paper's names

from __future__ import annotations

import numpy as np
import pytest

from l2xbench.studies.similarity.cka import cka
from l2xbench.studies.similarity.deconfounded import align_deconfounded, dcka
from tests.studies.similarity.test_cka import matrix


def gram(rows: np.ndarray) -> np.ndarray:
    return rows @ rows.T


def confounded(seed: int = 0, m: int = 80, n: int = 1500, noise: float = 0.5) -> tuple[np.ndarray, ...]:
    """Maps (m, n) of two networks that share nothing but the image's |x - x'|, and that."""
    seen = np.abs(matrix(m, n, seed)) * np.exp(matrix(m, 1, seed + 1)) + matrix(m, 5, seed + 2) @ matrix(5, n, seed + 3)
    a, b = (seen * (1 + noise * matrix(m, n, seed + other)) for other in (4, 5))
    return a, b, seen


def related(m: int = 40) -> tuple[np.ndarray, ...]:
    """Gram matrices of two networks with a part in common and a confounder, and the confounder's."""
    a, b, seen = confounded(20, m)
    common = 0.3 * matrix(m, 6, 30) @ matrix(6, a.shape[1], 31)
    return gram(a + common), gram(b + common), gram(seen)


def direct(k: np.ndarray, l: np.ndarray, d: np.ndarray) -> float:
    """By numpy's least squares, and Song et al.'s formula written out."""
    m = len(k)
    off = ~np.eye(m, dtype=bool)
    design = np.stack([np.ones(off.sum()), d[off]], axis=1)
    rests = []
    for one in (k, l):
        solved, *_ = np.linalg.lstsq(design, one[off], rcond=None)
        left = np.zeros((m, m))
        left[off] = one[off] - design @ solved
        rests.append(left)

    def song(a: np.ndarray, b: np.ndarray) -> float:
        one = np.ones(m)
        apart = (one @ a @ one) * (one @ b @ one) / ((m - 1) * (m - 2))
        return float((np.trace(a @ b) + apart - 2 / (m - 2) * (one @ a @ b @ one)) / (m * (m - 3)))

    a, b = rests
    return song(a, b) / np.sqrt(song(a, a) * song(b, b))


@pytest.mark.parametrize("seed", [0, 40, 80])
def test_networks_that_share_only_the_confounder_are_unlike(seed: int) -> None:
    a, b, seen = (gram(rows) for rows in confounded(seed))
    assert cka(a, b, "unbiased") > 0.5
    assert abs(dcka(a, b, seen)) < 0.05
    found = align_deconfounded(a, b, seen, range(80), permutations=199, bootstrap=200)
    assert found.p_value > 0.01 and found.low < 0.02 and abs(found.chance) < 0.02


def test_it_is_the_definition() -> None:
    few = tuple(gram(matrix(9, 4, seed)) for seed in (1, 2, 3))
    for made in (related(), tuple(gram(rows) for rows in confounded(3, 12, 50)), few):
        assert abs(dcka(*made) - direct(*made)) < 1e-10


def test_one_with_itself_and_blind_to_rotation_and_scale() -> None:
    k, l, d = related()
    assert abs(dcka(k, k, d) - 1) < 1e-10
    assert 0.1 < dcka(k, l, d) < 0.99
    a, b, seen = confounded(50, 20, 60)
    rotation, _ = np.linalg.qr(matrix(60, 60, 51))
    turned = gram(1e-3 * a @ rotation)
    assert abs(dcka(turned, gram(a), gram(seen)) - 1) < 1e-10
    assert abs(dcka(turned, gram(b), gram(7 * seen)) - dcka(gram(a), gram(b), gram(seen))) < 1e-10
    assert abs(dcka(k, l, d) - dcka(l, k, d)) < 1e-12


def test_what_a_control_leaves_nothing_of_has_no_number() -> None:
    k, l, d = related()
    assert np.isnan(dcka(3 * d + 1, l, d)) and np.isnan(dcka(k, d, d))
    assert abs(dcka(k, l, np.zeros_like(d)) - cka(k, l, "unbiased")) < 1e-12, (
        "a control that does not vary takes nothing"
    )
    found = align_deconfounded(d, l, d, range(40), permutations=9, bootstrap=9)
    assert all(np.isnan(number) for number in (found.cka, found.low, found.p_value, found.chance))
    assert np.isnan(dcka(k[:3, :3], l[:3, :3], d[:3, :3]))
    assert np.isnan(dcka(k[:1, :1], l[:1, :1], d[:1, :1]))


def test_related_networks_are_told_from_unrelated_ones_with_an_interval() -> None:
    k, l, d = related()
    found = align_deconfounded(k, l, d, range(40), permutations=199, bootstrap=300)
    assert found.cka == dcka(k, l, d)
    assert found.p_value == 1 / 200
    assert found.low < found.cka < found.high <= 1 and 0 < found.high - found.low < 0.6


def test_a_resample_is_regressed_anew() -> None:
    """A bootstrap sample without repeated samples is a smaller set of samples, and has that set's dCKA."""
    k, l, d = related(12)
    seen: list[np.ndarray] = []

    def keep(*arguments: object) -> object:
        resampled = arguments[4]
        weights = np.array([[1, 1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1]], dtype=float)
        seen.append(resampled(weights))
        return None

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("l2xbench.studies.similarity.deconfounded.examined", keep)
        align_deconfounded(k, l, d, range(12))
    chosen = np.ix_(*[[0, 1, 3, 4, 6, 7, 8, 10, 11]] * 2)
    assert abs(seen[0][0] - dcka(k[chosen], l[chosen], d[chosen])) < 1e-10
