"""How alike networks are, each with each, as a square of shaded numbers: dCKA above the diagonal, CKA below.

Below the diagonal stands the paper's Fig. 3(b).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from l2xbench.draw import style

_MARGIN = 0.1  # cm, as all lengths here
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM
_SMALL_LINE = style.SMALL_PT * style.LINE_SPACING / style.POINTS_PER_CM
_LARGEST_CELL = 1.3
_SHORTEST_NAME, _LONGEST_NAME = 1.2, 2.2
_BAR, _BAR_GAP, _BAR_TICKS = 0.18, 0.15, 0.65
_PAD = 0.12  # between a name and the square
_APART = 0.35  # cells between the networks and what they are held against
_NARROW = 0.05


@dataclass(frozen=True)
class Matrix:
    """What the figure shows.

    Attributes:
        title: one line above, or two.
        names: of the rows: the networks, then the calibration rows.
        dcka: (names, names) symmetric, shown above the diagonal; NaN where there is no number.
        cka: likewise, shown below.
        doubtful: (names, names): numbers of `cka` to be set in italics, for the reason that `remark` gives.
        remark: a line below where anything is doubtful.
        apart: how many of the last names are calibration rows, set apart.
        row_only: whether the last name has no column, since dCKA with it is not defined: the control.
    """

    title: str
    names: tuple[str, ...]
    dcka: NDArray[np.float64]
    cka: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    remark: str
    apart: int = 0
    row_only: bool = False

    @property
    def columns(self) -> int:
        """How many names have a column."""
        return len(self.names) - self.row_only

    @property
    def networks(self) -> int:
        """How many names are those of networks."""
        return len(self.names) - self.apart

    @cached_property
    def scale(self) -> tuple[float, float]:
        """What the lightest and the darkest shade stand for: the range of the networks' pairs, to a round number.

        Calibration rows do not count, since networks would have one shade beside them; beyond the scale they have the
        shade of its end.
        """
        pairs = self._pairs
        if not len(pairs):
            return 0.0, 1.0
        low, high = float(pairs.min()), float(pairs.max())
        step = next((step for step, span in ((0.1, 0.3), (0.05, 0.1), (0.01, 0.02)) if high - low > span), 0.002)
        # what rounding leaves of a number on a step must not make it the next one
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        return round(first * step, 6), round(max(last, first + 1) * step, 6)

    @property
    def said(self) -> str:
        """What the shades mean, in words."""
        low, high = self.scale
        shown = f"shades: {low:g} to {high:g}, the range of the networks' pairs"
        return f"{shown}; what is below has the lightest" if self._below else shown

    def shade(self, value: float) -> float:
        """Where a value lies on the scale, 0 to 1."""
        low, high = self.scale
        return min(1.0, max(0.0, (value - low) / (high - low)))

    def shown(self, row: int, column: int) -> float:
        """The value in a cell."""
        return float((self.dcka if column > row else self.cka)[row, column])

    def printed(self, row: int, column: int, most: int = 3, *, short: bool = False) -> str:
        """The number in a cell, empty on the diagonal."""
        if row == column:
            return ""
        values = self.dcka if column > row else self.cka
        return printed_cka(
            self.shown(row, column), min(most, _digits(values[: self.networks, : self.networks])), short=short
        )

    def clustered(self) -> Matrix:
        """The same with like networks, by dCKA, as neighbours; by CKA where there is no dCKA."""
        networks = slice(0, self.networks)
        known = self.dcka if np.isfinite(self.dcka[networks, networks]).any() else self.cka
        order = [*clustered_order(known[networks, networks]), *range(self.networks, len(self.names))]
        square = np.ix_(order, order)
        return replace(
            self,
            names=tuple(self.names[place] for place in order),
            dcka=self.dcka[square],
            cka=self.cka[square],
            doubtful=self.doubtful[square],
        )

    @property
    def _pairs(self) -> NDArray[np.float64]:
        upper = np.triu_indices(self.networks, 1)
        pairs = np.concatenate([self.dcka[upper], self.cka[upper]])
        return np.asarray(pairs[np.isfinite(pairs)])

    @property
    def _below(self) -> bool:
        cells = [self.shown(row, column) for row in range(len(self.names)) for column in range(self.columns)]
        return any(value < self.scale[0] for value in cells)


SHADES = LinearSegmentedColormap.from_list("shades", style.SHADES).with_extremes(bad="#e4e4e4")
"""The colours of a scale, the same in the figure and on the page."""
DARK = 0.65
"""Above this part of the scale a number is printed in white."""


def clustered_order(values: NDArray[np.float64]) -> list[int]:
    """Networks so that like ones are neighbours: average linkage on 1 - value, leaves ordered to follow it best.

    A pair without a number counts as unlike.
    """
    if len(values) < 3:
        return list(range(len(values)))
    distance = np.clip(1 - np.nan_to_num(values, nan=0.0), 0, None)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), method="average", optimal_ordering=True)
    return [int(leaf) for leaf in leaves_list(tree)]


def cka_figure(matrix: Matrix) -> Figure:
    """Draw the square; the numbers are printed, and the colour bar and a line below say what the shades stand for.

    Args:
        matrix: at least one network.

    Returns:
        a figure at its printed size: 8.5 cm wide, or 17.5 cm where the numbers of so many networks need it; no text
        below 6 pt.
    """
    right = _MARGIN + _BAR_GAP + _BAR + _BAR_TICKS
    page, names, printed = _fitting(matrix, right)
    left = _MARGIN + _PAD + _widest(names)
    across, down = _places(matrix, matrix.columns), _places(matrix, len(names))
    cell = min(_LARGEST_CELL, (page - left - right) / (across[-1] + 1))
    width, side = (across[-1] + 1) * cell, (down[-1] + 1) * cell
    points = (page - 2 * _MARGIN) * style.POINTS_PER_CM
    title = style.fit(matrix.title, points, size=style.TEXT_PT, lines=2)
    told = [matrix.said, *([matrix.remark] if matrix.doubtful.any() else [])]
    foot = "\n".join(style.fit(line, points, size=style.SMALL_PT, lines=2) for line in told)
    upright = all(style.text_width(name, style.SMALL_PT) + 2 <= cell * style.POINTS_PER_CM for name in names)
    top = _MARGIN + (title.count("\n") + 1) * _LINE + 0.12
    below = _PAD + (_SMALL_LINE if upright else left - _MARGIN - _PAD)
    height = top + side + below + (foot.count("\n") + 1) * _SMALL_LINE + 0.1 + _MARGIN
    with style.context():
        figure = style.new_figure(page, height)
        figure.text(_MARGIN / page, 1 - _MARGIN / height, title, va="top", linespacing=style.LINE_SPACING)
        figure.text(
            _MARGIN / page,
            _MARGIN / height,
            foot,
            va="bottom",
            fontsize=style.SMALL_PT,
            linespacing=style.LINE_SPACING,
        )
        start = left + (page - left - right - width) / 2  # few networks stand in the middle
        axes = figure.add_axes((start / page, 1 - (top + side) / height, width / page, side / height))
        axes.set_label("CKA")
        axes.set_xlim(0, across[-1] + 1)
        axes.set_ylim(down[-1] + 1, 0)
        _draw_cells(axes, matrix, printed, across, down)
        axes.set_xticks([place + 0.5 for place in across], names[: matrix.columns], rotation=0 if upright else 90)
        axes.set_yticks([place + 0.5 for place in down], names)
        axes.tick_params(length=0, pad=_PAD * style.POINTS_PER_CM)
        for spine in axes.spines.values():
            spine.set_visible(False)
        bar_axes = figure.add_axes(
            ((start + width + _BAR_GAP) / page, 1 - (top + side) / height, _BAR / page, side / height)
        )
        bar_axes.set_label("colour bar")
        low, high = matrix.scale
        ticks = np.asarray(MaxNLocator(2 if side < 3 else 5, steps=[1, 2, 5, 10]).tick_values(low, high))
        ticks = ticks[(ticks > low - 1e-9) & (ticks < high + 1e-9)]
        bar = figure.colorbar(ScalarMappable(Normalize(low, high), SHADES), cax=bar_axes, ticks=ticks.tolist())
        bar.ax.set_yticklabels([f"{tick:.4g}".replace("-", "−") for tick in ticks])
        bar.ax.tick_params(labelsize=style.SMALL_PT, pad=1.5)
        bar.outline.set_linewidth(0.4)
    return figure


def _draw_cells(axes: Axes, matrix: Matrix, printed: list[list[str]], across: list[float], down: list[float]) -> None:
    # cells as rectangles: vectors in the PDF, sharp at any enlargement
    for row, y in enumerate(down):
        for column, x in enumerate(across):
            if row == column:
                continue
            value = matrix.shown(row, column)
            known = math.isfinite(value)
            shade = matrix.shade(value) if known else 0.0
            colour = SHADES(shade) if known else SHADES.get_bad()
            axes.add_patch(Rectangle((x, y), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.4))
            axes.text(
                x + 0.5,
                y + 0.52,
                printed[row][column],
                ha="center",
                va="center",
                fontsize=style.SMALL_PT,
                fontstyle="italic" if column < row and matrix.doubtful[row, column] else "normal",
                color="white" if shade > DARK else style.INK,
            )


def _places(matrix: Matrix, count: int) -> list[float]:
    """Where rows or columns begin, in cells; the control is as far from the twins as they are from the networks."""
    gaps = [0.0] * count
    for first in {matrix.networks, matrix.columns}:
        if first < count:
            gaps[first] = _APART
    return [place + float(gap) for place, gap in enumerate(np.cumsum(gaps))]


def _fitting(matrix: Matrix, right: float) -> tuple[float, list[str], list[list[str]]]:
    """Page width, names and numbers: a column's width if they can be read there, `.87` for `0.87` where that helps."""
    tried = [
        (page, decimals, short)
        for page in (style.COLUMN_CM, style.PAGE_CM)
        for decimals in (3, 2)
        for short in (False, True)
    ]
    rows, columns = range(len(matrix.names)), range(matrix.columns)
    for page, decimals, short in tried:
        printed = [[matrix.printed(row, column, decimals, short=short) for column in columns] for row in rows]
        needed = _widest(text for row in printed for text in row) + 2 / style.POINTS_PER_CM
        room = page - right - _MARGIN - _PAD - (_places(matrix, matrix.columns)[-1] + 1) * needed
        if room >= min(_widest(matrix.names), _SHORTEST_NAME):
            break
    points = max(_SHORTEST_NAME, min(room, _LONGEST_NAME)) * style.POINTS_PER_CM
    return page, [style.fit(name, points, size=style.SMALL_PT) for name in matrix.names], printed


def _widest(texts: Iterable[str]) -> float:
    return max(style.text_width(text, style.SMALL_PT) for text in texts) / style.POINTS_PER_CM


def _digits(square: NDArray[np.float64]) -> int:
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
