"""Centered kernel alignment (CKA) of Gram matrices: estimators, permutation test, bootstrap; numpy alone.

Samples carry weights throughout: a bootstrap sample is the same matrix under other weights, so that a sample drawn
twice is never taken for a pair of samples (which would make the unbiased estimator biased), and thousands of them are
a few matrix products.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from l2xbench.system import threads

Estimator = Literal["biased", "unbiased"]
Matrix = NDArray[np.float64]

FEWEST = {"biased": 2, "unbiased": 4}
"""Samples that an estimator needs."""

_CHUNK = 2**22  # numbers that a batch of weights may hold


@dataclass(frozen=True)
class Alignment:
    """CKA of a pair of networks, and how far to trust it."""

    cka: float
    """NaN where a network's attributions do not vary, or m is too small for the estimator."""
    low: float
    """The bootstrap interval's lower end. Its ends are percentiles, moved so that their mean is the estimate, since a
    resample holds fewer different samples, which raises the biased estimator."""
    high: float
    p_value: float
    """How often permuted samples align at least as well, the observed order counted in."""
    chance: float
    """Mean CKA of permuted samples: what networks that share nothing would have."""


@threads.blas(1)
def gram(rows: Callable[[int], NDArray[np.floating]], counts: Sequence[int], block: int = 2**26) -> Matrix:
    """K = R R^T, (m, m), of a matrix that is never held whole.

    Args:
        rows: gives the rows (count, n) of part i of R; called again where the parts do not fit into one block.
        counts: rows of each part; m is their sum.
        block: bytes that a block of rows may take in float64; two blocks are held at a time. One part always fits.
    """
    starts = np.concatenate([[0], np.cumsum(counts)])
    result = np.empty((starts[-1], starts[-1]))
    width = rows(0).shape[1]
    blocks: list[list[int]] = []
    size = 0
    for part, count in enumerate(counts):
        if not blocks or size + 8 * width * count > block:
            blocks.append([])
            size = 0
        blocks[-1].append(part)
        size += 8 * width * count

    def load(parts: list[int]) -> tuple[slice, Matrix]:
        return slice(starts[parts[0]], starts[parts[-1] + 1]), np.concatenate(
            [np.asarray(rows(part), dtype=np.float64) for part in parts]
        )

    for number, parts in enumerate(blocks):
        here, left = load(parts)
        result[here, here] = left @ left.T
        for others in blocks[:number]:
            there, right = load(others)
            result[here, there] = left @ right.T
            result[there, here] = result[here, there].T
    return result


@threads.blas(1)
def cka(k: Matrix, l: Matrix, estimator: Estimator = "biased") -> float:  # noqa: E741  the paper's letters
    """CKA(K, L) = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) (the paper's Eq. 7; Kornblith et al. 2019).

    Args:
        k: (m, m) Gram matrix of the attributions of m samples by one network.
        l: (m, m) of the same samples by another.
        estimator: of HSIC. `biased` is tr(K H L H) / (m - 1)^2, H = I - 1/m; it tends to 1 for unrelated networks
            as n outgrows m. `unbiased` is Song et al.'s (JMLR 2012, Eq. 5), as Nguyen et al. (ICLR 2021) use it; it may
            be a little below 0.

    Returns:
        1 for networks that see the samples alike, 0 for unrelated ones; NaN where it is not defined (no variation, or
        fewer than 2 samples, 4 for `unbiased`).

    Examples:
        >>> r = np.random.default_rng(0).normal(size=(20, 5))
        >>> round(cka(r @ r.T, 3 * r @ r.T), 6)
        1.0
    """
    ones = np.ones((1, len(k)))
    (value,) = ratio(
        hsic(centred(k), centred(l), ones, estimator),
        self_hsic(centred(k), ones, estimator),
        self_hsic(centred(l), ones, estimator),
    )
    return float(value)


@threads.blas(1)
def align(
    k: Matrix,
    l: Matrix,  # noqa: E741
    groups: Sequence[int],
    estimator: Estimator = "biased",
    *,
    permutations: int = 999,
    bootstrap: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alignment:
    """CKA with a permutation test and a bootstrap interval.

    Args:
        k: (m, m) Gram matrix.
        l: (m, m) Gram matrix of the same samples.
        groups: (m,) which samples stay together when others are drawn or shuffled (the crops of an image); all groups
            are of one size, and each lies together. `range(m)` takes every sample for independent.
        permutations: of the test; 0 leaves p and chance NaN.
        bootstrap: resamples of the interval; 0 leaves it NaN.
        confidence: of the interval.
        seed: of both.
    """
    k, l = centred(k), centred(l)  # noqa: E741

    def resampled(weights: Matrix) -> Matrix:
        return ratio(hsic(k, l, weights, estimator), self_hsic(k, weights, estimator), self_hsic(l, weights, estimator))

    return examined(k, l, groups, estimator, resampled, permutations, bootstrap, confidence, seed)


def examined(
    k: Matrix,
    l: Matrix,  # noqa: E741
    groups: Sequence[int],
    estimator: Estimator,
    resampled: Callable[[Matrix], Matrix],
    permutations: int,
    bootstrap: int,
    confidence: float,
    seed: int,
) -> Alignment:
    """CKA of centred K and L (m, m) with a permutation test and a bootstrap interval; arguments as of `align`.

    Args:
        resampled: CKA (B,) of bootstrap samples, from their weights (B, m).
    """
    m = len(k)
    ones = np.ones((1, m))
    kk, ll = self_hsic(k, ones, estimator), self_hsic(l, ones, estimator)
    (value,) = ratio(hsic(k, l, ones, estimator), kk, ll)
    nothing = math.nan
    if not math.isfinite(value):
        return Alignment(nothing, nothing, nothing, nothing, nothing)
    members = members_of(groups)
    random = np.random.default_rng(seed)
    p_value = chance = nothing
    if permutations:
        permuted = _permuter(k, l, estimator)
        orders = (members[random.permutation(len(members))].ravel() for _ in range(permutations))
        shuffled = np.array([permuted(order) for order in orders])
        observed = permuted(members.ravel())
        # equal up to rounding is equal: a permutation that changes nothing counts
        as_good = int(np.sum(shuffled >= observed - 1e-9 * abs(observed)))
        p_value = (1 + as_good) / (1 + permutations)
        chance = float(np.mean(ratio(shuffled, kk, ll)))
    low = high = nothing
    if bootstrap and len(members) > 1:
        tail = (1 - confidence) / 2
        known = np.concatenate([resampled(weights) for weights in draws(random, members, bootstrap)])
        known = known[np.isfinite(known)]
        if known.size:
            low, high = (float(number) for number in np.quantile(known, [tail, 1 - tail]) + value - known.mean())
            high = min(high, max(1.0, float(value)))
    return Alignment(float(value), low, high, p_value, chance)


def centred(k: Matrix) -> Matrix:
    """H K H. Neither estimator changes by it, and sums of what is left do not cancel."""
    rows = k.mean(axis=0)
    return np.asarray(k - rows[:, None] - rows[None, :] + rows.mean())


def self_hsic(k: Matrix, weights: Matrix, estimator: Estimator) -> Matrix:
    """(B,) HSIC(K, K) of a centred K (m, m) under each row of weights (B, m); 0 where only rounding is left."""
    value = hsic(k, k, weights, estimator)
    # a network that gives one map for every sample has, up to rounding, no variation at all
    size = np.square(k).sum() / max(1, len(k)) ** 2
    return np.where(value > 1e-12 * size, value, 0.0)


def hsic(k: Matrix, l: Matrix, weights: Matrix, estimator: Estimator) -> Matrix:  # noqa: E741
    """(B,) HSIC of centred K and L under each row of weights (B, m), NaN where the estimator is not defined.

    With w = c / sum c, the biased one is sum_ij w_i w_j K'_ij L'_ij, K' and L' centred by those weights. The unbiased
    one is E[K_ij L_ij] + E[K_ij L_qr] - 2 E[K_ij L_iq] over distinct samples i, j, q, r, drawn in proportion to c: for
    equal weights Song et al.'s estimator.
    """
    if len(k) < FEWEST[estimator]:
        return np.full(len(weights), np.nan)
    if estimator == "biased":
        w = weights / weights.sum(axis=1, keepdims=True)
        wk, wl = w @ k, w @ l
        both = _dot(w @ (k * l), w)
        mixed = _dot(w, wk, wl)
        apart = _dot(w, wk) * _dot(w, wl)
        return np.asarray(both - 2 * mixed + apart)
    k, l = hollow(k), hollow(l)  # noqa: E741
    c, c2, kl = weights, weights**2, k * l
    ckl, c2kl, ck, cl = c @ kl, c2 @ kl, c @ k, c @ l
    p1, p2, p3, p4 = (np.sum(c**power, axis=1) for power in (1, 2, 3, 4))
    # s_ab = sum_ij c_i^a c_j^b K_ij L_ij; what follows leaves coinciding indices out of products of sums
    s11, s12, s13, s22 = (_dot(ckl, c), _dot(c2kl, c), _dot(ckl, c**3), _dot(c2kl, c2))
    both = (p1**2 - p2) * s11 - 4 * p1 * s12 + 4 * s13 + 2 * s22
    joint = _dot(c2, ck, cl) - s22
    mixed = p1 * (_dot(c, ck, cl) - s12) - joint - _dot(c, c2 @ k, cl) - _dot(c, ck, c2 @ l) + 2 * s13
    apart = _dot(c, ck) * _dot(c, cl) - 4 * joint - 2 * s22
    tuples = p1**4 - 6 * p1**2 * p2 + 3 * p2**2 + 8 * p1 * p3 - 6 * p4
    enough = np.count_nonzero(c, axis=1) >= FEWEST[estimator]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(enough, (both + apart - 2 * mixed) / tuples, np.nan)


def _dot(*factors: Matrix) -> Matrix:
    """(B,) row by row."""
    return np.asarray(np.einsum(",".join(["bi"] * len(factors)) + "->b", *factors))


def ratio(kl: Matrix, kk: Matrix, ll: Matrix) -> Matrix:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where((kk > 0) & (ll > 0), kl / np.sqrt(kk) / np.sqrt(ll), np.nan))


def _permuter(k: Matrix, l: Matrix, estimator: Estimator) -> Callable[[NDArray[np.intp]], float]:  # noqa: E741
    """HSIC of centred K with L's samples in another order: what no order changes is computed once."""
    m = len(k)
    if estimator == "biased":
        return lambda order: float(np.vdot(k, l.take(order, 0).take(order, 1)) / m**2)
    k, l = hollow(k), hollow(l)  # noqa: E741
    rows_k, rows_l = k.sum(axis=0), l.sum(axis=0)
    apart = rows_k.sum() * rows_l.sum() / ((m - 1) * (m - 2))

    def permuted(order: NDArray[np.intp]) -> float:
        both = np.vdot(k, l.take(order, 0).take(order, 1))
        return float((both + apart - 2 / (m - 2) * np.vdot(rows_k, rows_l[order])) / (m * (m - 3)))

    return permuted


def hollow(k: Matrix) -> Matrix:
    empty = k.copy()
    np.fill_diagonal(empty, 0)
    return empty


def members_of(groups: Sequence[int]) -> NDArray[np.intp]:
    """(groups, size): the samples of each group."""
    _, counts = np.unique(np.asarray(groups), return_counts=True)
    if len(set(counts.tolist())) != 1:
        raise ValueError("the groups are of different sizes: they cannot be exchanged")
    return np.argsort(np.asarray(groups), kind="stable").reshape(len(counts), -1)


def draws(random: np.random.Generator, members: NDArray[np.intp], count: int) -> Iterator[Matrix]:
    """Weights of bootstrap samples, (some, m) at a time: how often each sample was drawn."""
    groups, m = len(members), members.size
    step = max(1, _CHUNK // m)
    for start in range(0, count, step):
        drawn = random.multinomial(groups, np.full(groups, 1 / groups), size=min(step, count - start))
        weights = np.empty((len(drawn), m))
        weights[:, members.ravel()] = np.repeat(drawn, members.shape[1], axis=1)
        yield weights
