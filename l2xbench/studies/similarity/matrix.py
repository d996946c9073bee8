"""The paper's Fig. 3(b): how alike networks are, each with each, as a square of shaded numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from l2xbench.draw import style

_MARGIN = 0.1  # cm, as all lengths here
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM
_SMALL_LINE = style.SMALL_PT * style.LINE_SPACING / style.POINTS_PER_CM
_LARGEST_CELL = 1.3
_SHORTEST_NAME, _LONGEST_NAME = 1.2, 2.2
_BAR, _BAR_GAP, _BAR_TICKS = 0.18, 0.15, 0.55
_PAD = 0.12  # between a name and the square
_NARROW = 0.05


@dataclass(frozen=True)
class Matrix:
    """What the figure shows.

    Attributes:
        title: one line above.
        names: of the networks, in the order in which they are shown.
        values: (networks, networks) symmetric, 1 on the diagonal; NaN where there is no number.
        doubtful: (networks, networks): numbers to be set in italics, for the reason that `remark` gives.
        remark: a line below where anything is doubtful.
    """

    title: str
    names: tuple[str, ...]
    values: NDArray[np.float64]
    doubtful: NDArray[np.bool_]
    remark: str

    @property
    def digits(self) -> int:
        """Decimals of a printed number: three where networks are so alike that two would tell none apart."""
        pairs = self.values[~np.eye(len(self.values), dtype=bool)]
        pairs = pairs[np.isfinite(pairs)]
        return 3 if len(pairs) and np.ptp(pairs) < _NARROW and pairs.min() > 0.9 else 2

    def clustered(self) -> Matrix:
        """The same with like networks as neighbours."""
        order = clustered_order(self.values)
        square = np.ix_(order, order)
        names = tuple(self.names[place] for place in order)
        return replace(self, names=names, values=self.values[square], doubtful=self.doubtful[square])


SHADES = LinearSegmentedColormap.from_list("shades", style.SHADES).with_extremes(bad="#e4e4e4")
"""The colours of 0 to 1, the same in every figure and on the page."""
DARK = 0.65
"""On the shades of larger values a number is printed in white."""


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
    """Draw the square: white is 0, dark blue 1, the same shades in every figure; the numbers are printed.

    Args:
        matrix: at least one network.

    Returns:
        a figure at its printed size: 8.5 cm wide, or 17.5 cm where the numbers of so many networks need it; no text
        below 6 pt.
    """
    values, doubtful = matrix.values, matrix.doubtful
    right = _MARGIN + _BAR_GAP + _BAR + _BAR_TICKS
    page, names, printed = _fitting(list(matrix.names), values, matrix.digits, right)
    count = len(names)
    left = _MARGIN + _PAD + _widest(names)
    cell = min(_LARGEST_CELL, (page - left - right) / count)
    side = count * cell
    title = style.fit(matrix.title, (page - 2 * _MARGIN) * style.POINTS_PER_CM, size=style.TEXT_PT, lines=2)
    remark = style.fit(matrix.remark, (page - 2 * _MARGIN) * style.POINTS_PER_CM, size=style.SMALL_PT, lines=2)
    remark = remark if doubtful.any() else ""
    upright = all(style.text_width(name, style.SMALL_PT) + 2 <= cell * style.POINTS_PER_CM for name in names)
    top = _MARGIN + (title.count("\n") + 1) * _LINE + 0.12
    below = _PAD + (_SMALL_LINE if upright else left - _MARGIN - _PAD)
    foot = (remark.count("\n") + 1) * _SMALL_LINE + 0.1 if remark else 0.0
    height = top + side + below + foot + _MARGIN
    with style.context():
        figure = style.new_figure(page, height)
        figure.text(_MARGIN / page, 1 - _MARGIN / height, title, va="top", linespacing=style.LINE_SPACING)
        if remark:
            figure.text(
                _MARGIN / page,
                _MARGIN / height,
                remark,
                va="bottom",
                fontsize=style.SMALL_PT,
                linespacing=style.LINE_SPACING,
            )
        start = left + (page - left - right - side) / 2  # few networks stand in the middle
        axes = figure.add_axes((start / page, 1 - (top + side) / height, side / page, side / height))
        axes.set_label("CKA")
        # cells as rectangles: vectors in the PDF, sharp at any enlargement
        mesh = axes.pcolormesh(
            np.ma.masked_invalid(values), cmap=SHADES, norm=Normalize(0, 1), edgecolors="white", linewidth=0.4
        )
        axes.set_xlim(0, count)
        axes.set_ylim(count, 0)
        for row in range(count):
            for column in range(count):
                value = values[row, column]
                axes.text(
                    column + 0.5,
                    row + 0.52,
                    printed[row][column],
                    ha="center",
                    va="center",
                    fontsize=style.SMALL_PT,
                    fontstyle="italic" if doubtful[row, column] else "normal",
                    color="white" if value > DARK else style.INK,
                )
        axes.set_xticks(np.arange(count) + 0.5, names, rotation=0 if upright else 90)
        axes.set_yticks(np.arange(count) + 0.5, names)
        axes.tick_params(length=0, pad=_PAD * style.POINTS_PER_CM)
        for spine in axes.spines.values():
            spine.set_visible(False)
        bar_axes = figure.add_axes(
            ((start + side + _BAR_GAP) / page, 1 - (top + side) / height, _BAR / page, side / height)
        )
        bar_axes.set_label("colour bar")
        bar = figure.colorbar(mesh, cax=bar_axes, ticks=[0, 0.5, 1] if side < 3 else [0, 0.2, 0.4, 0.6, 0.8, 1])
        bar.ax.tick_params(labelsize=style.SMALL_PT, pad=1.5)
        bar.outline.set_linewidth(0.4)
    return figure


def _fitting(
    names: list[str], values: NDArray[np.float64], digits: int, right: float
) -> tuple[float, list[str], list[list[str]]]:
    """Page width, names and numbers: a column's width if they can be read there, `.87` for `0.87` where that helps."""
    tried = [
        (page, decimals, short)
        for page in (style.COLUMN_CM, style.PAGE_CM)
        for decimals in range(digits, 1, -1)
        for short in (False, True)
    ]
    for page, decimals, short in tried:
        printed = [[printed_cka(value, decimals, short=short) for value in row] for row in values]
        needed = _widest(text for row in printed for text in row) + 2 / style.POINTS_PER_CM
        room = page - right - _MARGIN - _PAD - len(names) * needed
        if room >= min(_widest(names), _SHORTEST_NAME):
            break
    points = max(_SHORTEST_NAME, min(room, _LONGEST_NAME)) * style.POINTS_PER_CM
    return page, [style.fit(name, points, size=style.SMALL_PT) for name in names], printed


def _widest(texts: Iterable[str]) -> float:
    return max(style.text_width(text, style.SMALL_PT) for text in texts) / style.POINTS_PER_CM


def printed_cka(value: float, digits: int, *, short: bool = False) -> str:
    """`0.87`, or `.87`, which leaves 1 the digits that have room: `1.0`."""
    if np.isnan(value):
        return "–"
    text = f"{value:.{digits}f}"
    text = text.removeprefix("-") if float(text) == 0 else text
    if short:
        text = text[:-1] if abs(float(text)) >= 1 else text.replace("0.", ".", 1)
    return text.replace("-", "−")
