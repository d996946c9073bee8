"""Whether a block's share says what becomes of the output without it: rank correlations over a network's blocks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from l2xbench.studies.flow.shares import NetworkFlow

Numbers = NDArray[np.float64]
LEAST_BLOCKS = 4
"""With fewer blocks an order says nothing."""
PREDICTORS = ("share", "written", "magnitude", "parameters", "activity", "depth", "multiplier", "gradient")
"""What the effect of a block is told by: the first three are ours, the others controls that need no attribution."""
EFFECTS = ("moved_reference", "lost_reference", "moved_out", "lost_out")
SIGNED = ("share", "written")


def predictor(flow: NetworkFlow, name: str) -> Numbers:
    """(images, blocks): how much each block is said to matter."""
    if name == "depth":
        return np.tile(np.arange(len(flow.names), dtype=np.float64), (len(flow.images), 1))
    if name not in flow.numbers:  # the study was asked for no check
        return np.full((len(flow.images), len(flow.names)), np.nan)
    return np.abs(flow.numbers[name])


def correlations(flow: NetworkFlow, name: str) -> dict[str, Numbers]:
    """Effect -> (images,) Spearman's correlation with a predictor over the blocks; `caused`, signs kept on both sides.

    NaN where there are too few blocks, the predictor does not differ between them, or the effect is not known.
    """
    found = {}
    told = predictor(flow, name)
    for effect in EFFECTS:
        seen = flow.numbers.get(effect)
        size = np.full_like(told, np.nan) if seen is None else seen
        found[effect] = np.array([spearman(a, b) for a, b in zip(told, size, strict=True)])
    caused = flow.numbers.get("caused_reference")
    if name in SIGNED and caused is not None:
        found["caused"] = np.array([spearman(a, b) for a, b in zip(flow.numbers[name], caused, strict=True)])
    else:
        found["caused"] = np.full(len(flow.images), np.nan)
    return found


def spearman(a: Numbers, b: Numbers) -> float:
    """Spearman's rank correlation over the places that both know.

    Examples:
        >>> import numpy as np
        >>> spearman(np.array([1.0, 2.0, 3.0, 9.0]), np.array([0.1, 0.3, 0.2, 0.9]))
        0.8
    """
    known = np.isfinite(a) & np.isfinite(b)
    if known.sum() < LEAST_BLOCKS:
        return float("nan")
    first, second = (rankdata(values[known]) for values in (a, b))
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return round(float(np.corrcoef(first, second)[0, 1]), 12)
