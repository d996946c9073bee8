"""dCKA: CKA once what a control already says of the samples has been taken out of both Gram matrices.

T. Cui, Y. Kumar, P. Marttinen, S. Kaski, Deconfounded Representation Similarity for Comparison of Neural Networks,
NeurIPS 2022. The estimator of HSIC is the unbiased one throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from l2xbench.studies.similarity.cka import Alignment, Matrix, centred, cka, examined, hsic, ratio
from l2xbench.system import threads


@threads.blas(1)
def dcka(k: Matrix, l: Matrix, control: Matrix) -> float:  # noqa: E741  the paper's letters
    """CKA, unbiased, of what the control's Gram matrix D leaves of K and of L.

    By least squares over the entries off the diagonal, K_ij = c0 + c1 D_ij + rest_ij, and L likewise; the rests take
    the places of K and L.

    Args:
        k: (m, m) Gram matrix of a network's maps of m samples.
        l: (m, m) of the same samples by another network.
        control: (m, m) of the same samples by what both networks saw, such as |x - x'|.

    Returns:
        1 for networks that differ from the control alike, 0 for networks that share nothing beyond it; NaN where the
        control leaves nothing of a network, or there are fewer than 4 samples.

    Examples:
        >>> random = np.random.default_rng(0)
        >>> seen = random.normal(size=(60, 5)) @ random.normal(size=(5, 2000))  # by both networks
        >>> a, b = (seen + random.normal(size=seen.shape) for _ in range(2))
        >>> round(cka(a @ a.T, b @ b.T, "unbiased"), 1), abs(dcka(a @ a.T, b @ b.T, seen @ seen.T)) < 0.05
        (1.0, True)
    """
    return cka(rest(k, control), rest(l, control), "unbiased")


@threads.blas(1)
def align_deconfounded(
    k: Matrix,
    l: Matrix,  # noqa: E741
    control: Matrix,
    groups: Sequence[int],
    *,
    permutations: int = 999,
    bootstrap: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alignment:
    """`dcka` with a permutation test and a bootstrap interval; arguments as of `dcka` and `align`.

    The test exchanges the samples of one rest, so that what the control explains stays in its place; the bootstrap is
    that of `resampler`.
    """
    resampled = resampler(k, l, control)
    k, l = centred(rest(k, control)), centred(rest(l, control))  # noqa: E741
    return examined(k, l, groups, "unbiased", resampled, permutations, bootstrap, confidence, seed)


def resampler(k: Matrix, l: Matrix, control: Matrix) -> Callable[[Matrix], Matrix]:  # noqa: E741
    """What gives dCKA (B,) of bootstrap samples from their weights (B, m), regressed anew in each."""
    rest_k, rest_l = rest(k, control), rest(l, control)
    off = ~np.eye(len(control), dtype=bool)
    d = np.where(off, control - control[off].mean(), 0.0) if len(control) > 1 else control * 0
    k, l, c = centred(rest_k), centred(rest_l), centred(d)  # noqa: E741

    def resampled(weights: Matrix) -> Matrix:
        # HSIC is bilinear, and c0 does not change it: the rests of a resample need not be made
        more_k, more_l = _slopes(rest_k, d, weights), _slopes(rest_l, d, weights)
        kd, ld, dd = (hsic(one, c, weights, "unbiased") for one in (k, l, c))
        kl = hsic(k, l, weights, "unbiased") - more_l * kd - more_k * ld + more_k * more_l * dd
        kk = hsic(k, k, weights, "unbiased") - 2 * more_k * kd + more_k**2 * dd
        ll = hsic(l, l, weights, "unbiased") - 2 * more_l * ld + more_l**2 * dd
        return ratio(kl, kk, ll)

    return resampled


def rest(k: Matrix, control: Matrix) -> Matrix:
    """(m, m) what is left of K, 0 on the diagonal; all 0 where only rounding is."""
    off = ~np.eye(len(k), dtype=bool)
    if len(k) < 2:
        return np.zeros_like(k)
    y, x = (np.where(off, one - one[off].mean(), 0.0) for one in (k, control))
    varies = np.square(x).sum()
    left = y - (np.vdot(x, y) / varies if varies > 0 else 0.0) * x
    return np.asarray(left if np.square(left).sum() > 1e-24 * np.square(y).sum() else np.zeros_like(left))


def _slopes(k: Matrix, d: Matrix, weights: Matrix) -> Matrix:
    """(B,) slope of K on D, both (m, m) with an empty diagonal, over pairs of samples under each row of weights."""

    def total(values: Matrix) -> Matrix:
        return np.asarray(np.einsum("bi,bi->b", weights @ values, weights))

    pairs = weights.sum(axis=1) ** 2 - np.square(weights).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        together = total(k * d) - total(k) * total(d) / pairs
        varies = total(d * d) - total(d) ** 2 / pairs
        return np.where(varies > 0, together / varies, 0.0)
