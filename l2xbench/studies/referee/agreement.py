"""How well a map's order and signs agree with what interventions found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata


@dataclass(frozen=True)
class Agreement:
    """A map against interventions, block by block.

    Attributes:
        signed: Spearman's correlation of the map's sums over blocks with the effects, signs kept; NaN where either is
            the same for all blocks.
        absolute: of the absolute sums with the absolute effects: does the map find what matters?
        signs: of the blocks with an effect, the share whose sum has its sign; NaN where there is none.
        chance: what `signs` would be for a map of the same shares of signs that knew nothing.
        blocks: how many blocks were compared.
        acting: how many have an effect.
    """

    signed: float
    absolute: float
    signs: float
    chance: float
    blocks: int
    acting: int


def block_sums(values: np.ndarray, block: int) -> np.ndarray:
    """A map (C, h, w) summed over channels and over blocks: (rows, columns), with signs.

    Examples:
        >>> import numpy as np
        >>> block_sums(np.ones((2, 3, 4)), 2).tolist()
        [[8.0, 8.0], [4.0, 4.0]]
    """
    height, width = values.shape[1:]
    plane = values.astype(np.float64).sum(0)
    padded = np.pad(plane, ((0, -height % block), (0, -width % block)))
    rows, columns = (length // block for length in padded.shape)
    return np.asarray(padded.reshape(rows, block, columns, block).sum((1, 3)))


def outside(grid: tuple[int, int], block: int, window: tuple[int, int, int, int], scale: int) -> np.ndarray:
    """(rows, columns): which blocks have no LR pixel under the patch (y, x, height, width in SR pixels)."""
    found = np.ones(grid, dtype=bool)
    y, x, height, width = window
    rows, columns = (
        slice(start // scale // block, -(-(start + length) // (scale * block)))
        for start, length in ((y, height), (x, width))
    )
    found[rows, columns] = False
    return found


def agreement(sums: np.ndarray, effect: np.ndarray, least: float) -> Agreement:
    """Compares a map's sums over blocks with the effects of the same blocks.

    Args:
        sums: (blocks,).
        effect: (blocks,) in dB.
        least: an effect below it, in absolute value, counts as none, and is 0 for the correlations.

    Examples:
        >>> import numpy as np
        >>> found = agreement(np.array([3.0, -2.0, 0.5, 0.0]), np.array([0.4, 0.1, 0.02, 0.001]), 0.01)
        >>> round(found.signed, 2), round(found.absolute, 2), round(found.signs, 2), found.acting
        (0.4, 1.0, 0.67, 3)
    """
    effect = np.where(abs(effect) < least, 0.0, effect)
    acts = effect != 0
    right = np.sign(sums[acts]) == np.sign(effect[acts])
    shares = (
        [[(np.sign(side[acts]) == sign).mean() for sign in (1, -1)] for side in (sums, effect)] if acts.any() else []
    )
    return Agreement(
        signed=_spearman(sums, effect),
        absolute=_spearman(abs(sums), abs(effect)),
        signs=float(right.mean()) if acts.any() else float("nan"),
        chance=float(np.dot(shares[0], shares[1])) if shares else float("nan"),
        blocks=effect.size,
        acting=int(acts.sum()),
    )


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    if one.size < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
