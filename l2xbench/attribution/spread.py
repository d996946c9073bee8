"""How widely a map is spread over the image: LAM's diffusion index, and what lies beyond a distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from l2xbench.attribution.errors import AttributionError

_ADDED = 1e-7
"""What LAM's authors add to every value before they take the Gini coefficient: it lifts the index of a map most of
whose values are 0, by 5 % of its value on a network with a small receptive field."""
Centre = tuple[float, float]
"""Row and column in LR pixels; whole numbers are the middles of pixels, as indices are."""


def diffusion_index(values: np.ndarray | Tensor) -> float:
    """LAM's diffusion index of a map: how evenly its absolute values are spread over the image's pixels.

    DI = 100 (1 - G), with G the Gini coefficient of |sum over channels| / max, 1e-7 added to each (Gu and Dong, CVPR
    2021, Eq. 9, and their published code, whose numbers papers print). It is 100 where all pixels count alike, and
    near 0 where one counts alone. It says how many pixels a network used, not how well it did.

    Args:
        values: (C, H, W), or (1, C, H, W) as `explain` gives it for one image; only ratios between values count.

    Returns:
        the index, in (0, 100].

    Raises:
        AttributionError: another shape, or NaN or Inf among the values.

    Examples:
        >>> import numpy as np
        >>> even, single = np.ones((3, 8, 8)), np.zeros((3, 8, 8))
        >>> single[:, 4, 4] = 1
        >>> round(diffusion_index(even), 3), round(diffusion_index(single), 3)
        (100.0, 1.563)
    """
    sizes = np.sort(absolute_map(values).ravel()) + _ADDED
    count = len(sizes)
    gini = ((2 * np.arange(1, count + 1) - count - 1) * sizes).sum() / (count * sizes.sum())
    return float(100 * (1 - gini))


def absolute_map(values: np.ndarray | Tensor) -> np.ndarray:
    """(H, W) in [0, 1]: |sum over channels| of a map (C, H, W), over its largest value; zeros where all are.

    Raises:
        AttributionError: another shape, or NaN or Inf among the values.
    """
    sizes = abs(_signed(values))
    largest = sizes.max()
    return sizes / largest if largest > 0 else sizes


def distances(shape: Sequence[int], centre: Centre) -> np.ndarray:
    """(H, W): the larger of the row's and the column's distance from a point, in pixels; squares are its level sets."""
    rows, columns = (abs(np.arange(size) - float(middle)) for size, middle in zip(shape, centre, strict=True))
    return np.asarray(np.maximum(rows[:, None], columns[None, :]))


def shares_beyond(values: np.ndarray | Tensor, centre: Centre, limits: Sequence[float]) -> np.ndarray:
    """The shares of a map's absolute values that lie farther from a point than each of some distances.

    Channels are summed before the absolute value is taken; the distance is the larger of the row's and the column's.

    Args:
        values: (C, H, W).
        centre: row and column in LR pixels; the middle of the LR pixels 30 to 33 is 31.5.
        limits: distances in LR pixels.

    Returns:
        (len(limits),) in [0, 1]; NaN where the map is 0 everywhere.

    Raises:
        AttributionError: another shape, or NaN or Inf among the values.

    Examples:
        >>> import numpy as np
        >>> row = np.zeros((1, 1, 5))
        >>> row[0, 0] = [1, 2, 4, -2, 1]
        >>> shares_beyond(row, (0, 2), [0, 1, 2]).tolist()
        [0.6, 0.2, 0.0]
    """
    sizes = abs(_signed(values))
    far = distances(sizes.shape, centre)
    total = sizes.sum()
    beyond = [sizes[far > limit].sum() for limit in limits]
    return np.array(beyond) / total if total > 0 else np.full(len(beyond), np.nan)


def footprint(box: tuple[int, int, int, int], scale: int) -> tuple[slice, slice]:
    """Rows and columns of the LR pixels that a box of the SR image covers any part of.

    Args:
        box: y, x, height and width in SR pixels.
        scale: SR pixels for each LR pixel, along each side.

    Returns:
        two slices, of LR rows and of LR columns.

    Examples:
        >>> footprint((120, 122, 16, 16), 4)
        (slice(30, 34, None), slice(30, 35, None))
    """
    y, x, height, width = box
    return slice(y // scale, -(-(y + height) // scale)), slice(x // scale, -(-(x + width) // scale))


def share_outside(values: np.ndarray | Tensor, window: tuple[slice, slice]) -> float:
    """The share of a map's absolute values that lies outside a window, such as the pixels that a patch lies in.

    Channels are summed before the absolute value is taken.

    Args:
        values: (C, H, W).
        window: rows and columns in LR pixels.

    Returns:
        in [0, 1]; NaN where the map is 0 everywhere.

    Raises:
        AttributionError: another shape, or NaN or Inf among the values.

    Examples:
        >>> import numpy as np
        >>> row = np.zeros((1, 1, 5))
        >>> row[0, 0] = [1, 2, 4, -2, 1]
        >>> share_outside(row, (slice(0, 1), slice(1, 4)))
        0.2
    """
    sizes = abs(_signed(values))
    total = sizes.sum()
    return float((total - sizes[window].sum()) / total) if total > 0 else float("nan")


def radii_holding(
    values: np.ndarray | Tensor, centre: Centre, shares: Sequence[float] = (0.5, 0.9, 0.99)
) -> np.ndarray:
    """The least distances from a point within which these shares of a map's absolute values lie.

    Args:
        values: (C, H, W).
        centre: row and column in LR pixels.
        shares: in (0, 1].

    Returns:
        (len(shares),) in LR pixels; NaN where the map is 0 everywhere.

    Raises:
        AttributionError: another shape, or NaN or Inf among the values.

    Examples:
        >>> import numpy as np
        >>> row = np.zeros((1, 1, 5))
        >>> row[0, 0] = [1, 2, 4, -2, 1]
        >>> radii_holding(row, (0, 2), [0.4, 0.5, 1]).tolist()
        [0.0, 1.0, 2.0]
    """
    sizes = abs(_signed(values))
    if not sizes.sum() > 0:
        return np.full(len(shares), np.nan)
    far = distances(sizes.shape, centre)
    steps, which = np.unique(far, return_inverse=True)
    within = np.cumsum(np.bincount(which.ravel(), weights=sizes.ravel()))
    # a sum in another order may miss the whole by a rounding, which must not make a radius a pixel larger
    reached = np.searchsorted(within, np.asarray(shares) * within[-1] * (1 - 1e-12))
    return np.asarray(steps[reached])


def _signed(values: np.ndarray | Tensor) -> np.ndarray:
    """(H, W) float64: the map's sum over channels, with signs."""
    array = values.detach().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)
    if array.ndim == 4 and len(array) == 1:
        array = array[0]
    if array.ndim != 3 or 0 in array.shape:
        raise AttributionError(f"values: shape {array.shape}; give one image's map (C, H, W), such as a.values[0]")
    signed = array.astype(np.float64).sum(axis=0)
    if not np.isfinite(signed).all():
        raise AttributionError("values: the map holds NaN or Inf")
    return np.asarray(signed)
