"""How alike networks are, each with each, as a square of shaded numbers: dCKA above the diagonal, CKA below.

Below the diagonal stands the paper's Fig. 3(b), below the square what its numbers are held against. `square` draws it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from numpy.typing import NDArray
from scipy.cluster.hierarchy import dendrogram, leaves_list, linkage
from scipy.spatial.distance import squareform

from l2xbench.draw import style

Square = NDArray[np.float64]
_NARROW = 0.05
SHADES = LinearSegmentedColormap.from_list("shades", style.SHADES).with_extremes(bad="#e4e4e4")
"""The colours of a scale, the same in the figure and on the page."""
_LEAST_WIDTH = 0.1
"""The least width of a scale: networks that differ by less shall not look as if they lay far apart."""
_FEW = 3
"""Pairs of networks, below which their range says nothing, and the scale is 0 to 1."""


@dataclass(frozen=True)
class Calibration:
    """A row below the square: for each network, what its numbers are held against.

    Attributes:
        name: of the row.
        values: one for each name of the matrix; NaN where there is none.
        said: what they are, in words.
    """

    name: str
    values: tuple[float, ...]
    said: str


@dataclass(frozen=True)
class Matrix:
    """What the figure shows.

    Attributes:
        title: one line above, or two.
        names: of the networks.
        dcka: (names, names) symmetric, shown above the diagonal; NaN where there is no number.
        cka: likewise, shown below.
        doubtful: (names, names): numbers of `cka` to be set in italics, for the reason that `remark` gives.
        remark: a line below where anything is doubtful.
        calibration: rows below the square.
        tree: (names - 1, 4), SciPy's linkage of the networks in this order, drawn beside the square; or none.
    """

    title: str
    names: tuple[str, ...]
    dcka: Square
    cka: Square
    doubtful: NDArray[np.bool_]
    remark: str
    calibration: tuple[Calibration, ...] = ()
    tree: Square | None = None

    @cached_property
    def scale(self) -> tuple[float, float]:
        """What the lightest and the darkest shade stand for: the range of the networks' dCKA, to a round number.

        It is a tenth wide at least, and 0 to 1 for fewer than three pairs. CKA and calibration rows do not count, since
        networks would have one shade beside them; beyond the scale they have the shade of its end. Without dCKA it is
        the range of CKA.
        """
        pairs = self._pairs
        if len(pairs) < _FEW:
            return 0.0, 1.0
        low, high = float(pairs.min()), float(pairs.max())
        if high - low < _LEAST_WIDTH:
            top = max(high, min((low + high + _LEAST_WIDTH) / 2, 1.0))
            low, high = top - _LEAST_WIDTH, top
        step = next(step for step, span in ((0.1, 0.3), (0.05, 0.15), (0.01, 0.0)) if high - low > span)
        # what rounding leaves of a number on a step must not make it the next one
        return round(math.floor(low / step + 1e-9) * step, 6), round(math.ceil(high / step - 1e-9) * step, 6)

    @property
    def said(self) -> list[str]:
        """What shades, tree and rows below mean, a line each."""
        low, high = self.scale
        measure, pairs = "dCKA" if self._by_dcka else "CKA", self._pairs
        lines = [f"shades: {low:g} to {high:g}{self._beyond}"]
        if len(pairs) >= _FEW:
            wide = f", widened to {_LEAST_WIDTH:g} at least" if np.ptp(pairs) < _LEAST_WIDTH else ""
            lines = [f"shades: {low:g} to {high:g}, the range of the networks' {measure}{wide}{self._beyond}"]
        if self.tree is not None:
            lines.append(f"tree: average linkage of 1 − {measure}")
        lines += [f"{row.name}: {row.said}" for row in self.calibration]
        return [*lines, self.remark] if self.doubtful.any() else lines

    def shade(self, value: float) -> float:
        """Where a value lies on the scale, 0 to 1."""
        low, high = self.scale
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def shown(self, row: int, column: int) -> float:
        """The value in a cell; rows after the networks' are those of the calibration."""
        if row >= len(self.names):
            return self.calibration[row - len(self.names)].values[column]
        return float((self.dcka if column > row else self.cka)[row, column])

    def printed(self, row: int, column: int, most: int = 3, *, short: bool = False) -> str:
        """The number in a cell, empty on the diagonal."""
        if row == column:
            return ""
        values = self.cka if column < row < len(self.names) else self.dcka
        return printed_cka(self.shown(row, column), min(most, _digits(values)), short=short)

    def clustered(self) -> Matrix:
        """The same with like networks, by dCKA, as neighbours, and their tree; by CKA where there is no dCKA."""
        if len(self.names) < 3:
            return self
        found = linked(self.dcka if self._by_dcka else self.cka)
        order = [int(leaf) for leaf in leaves_list(found)]
        square = np.ix_(order, order)
        tree = found.copy()
        leaves = tree[:, :2] < len(order)
        tree[:, :2][leaves] = np.argsort(order)[tree[:, :2][leaves].astype(int)]
        return replace(
            self,
            names=tuple(self.names[place] for place in order),
            dcka=self.dcka[square],
            cka=self.cka[square],
            doubtful=self.doubtful[square],
            calibration=tuple(
                replace(row, values=tuple(row.values[place] for place in order)) for row in self.calibration
            ),
            tree=tree,
        )

    @property
    def branches(self) -> list[list[tuple[float, float]]]:
        """The tree as lines of points (across, down): 0 at the leaves to 1 at the root, and in rows of the square."""
        if self.tree is None:
            return []
        drawn = dendrogram(self.tree, no_plot=True)
        far = max(float(self.tree[:, 2].max()), 1e-12)
        return [
            [(height / far, place / 10) for height, place in zip(heights, places, strict=True)]
            for heights, places in zip(drawn["dcoord"], drawn["icoord"], strict=True)
        ]

    @property
    def _by_dcka(self) -> bool:
        return bool(np.isfinite(self.dcka[np.triu_indices(len(self.names), 1)]).any())

    @property
    def _pairs(self) -> NDArray[np.float64]:
        """The numbers that decide the scale, one a pair."""
        pairs = (self.dcka if self._by_dcka else self.cka)[np.triu_indices(len(self.names), 1)]
        return np.asarray(pairs[np.isfinite(pairs)])

    @property
    def _beyond(self) -> str:
        """What a number that leaves the scale looks like."""
        upper = np.triu_indices(len(self.names), 1)
        values = np.array([*self.cka[upper], *(value for row in self.calibration for value in row.values)])
        low, high = self.scale
        told = [("below", "lightest")] if (values < low).any() else []
        told += [("above", "darkest")] if (values > high).any() else []
        return "".join(f"; what is {where} has the {shade}" for where, shade in told)


def takes_white(shade: float) -> bool:
    """Whether white is easier to read than black on a place of the scale; either has a contrast of 4.5 (WCAG 2).

    Examples:
        >>> takes_white(0.5), takes_white(0.7)
        (False, True)
    """
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in SHADES(shade)[:3]
    )
    # the luminance at which white's contrast, 1.05 / (l + 0.05), is black's, (l + 0.05) / 0.05
    return bool(0.2126 * red + 0.7152 * green + 0.0722 * blue < math.sqrt(1.05 * 0.05) - 0.05)


def linked(values: Square) -> Square:
    """The tree of networks (n - 1, 4), as SciPy has it, from how alike (n, n) they are.

    Average linkage on 1 - value, leaves in the order in which neighbours are most alike. A pair without a number counts
    as unlike.
    """
    distance = np.clip(1 - np.nan_to_num(values, nan=0.0), 0, None)
    np.fill_diagonal(distance, 0)
    return np.asarray(linkage(squareform(distance, checks=False), method="average", optimal_ordering=True))


def _digits(square: Square) -> int:
    """Decimals of a printed number: three where networks are so alike that two would tell none apart."""
    pairs = square[np.triu_indices(len(square), 1)]
    pairs = pairs[np.isfinite(pairs)]
    return 3 if len(pairs) and np.ptp(pairs) < _NARROW and pairs.min() > 0.9 else 2


def printed_cka(value: float, digits: int, *, short: bool = False) -> str:
    """`0.87`, or `.87`, which leaves 1 the digits that have room: `1.0`."""
    if np.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    text = text.removeprefix("-") if float(text) == 0 else text
    if short:
        text = text[:-1] if abs(float(text)) >= 1 else text.replace("0.", ".", 1)
    return text.replace("-", "−")
