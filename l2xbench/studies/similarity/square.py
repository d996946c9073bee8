"""The figure of a `Matrix`: the square, its tree at the side, calibration rows and the colours' scale below."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from l2xbench.draw import style
from l2xbench.studies.similarity.matrix import SHADES, Matrix, takes_white

_MARGIN = 0.1  # cm, as all lengths here
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM
_SMALL_LINE = style.SMALL_PT * style.LINE_SPACING / style.POINTS_PER_CM
_LARGEST_CELL = 0.9
_SHORTEST_NAME, _LONGEST_NAME = 1.2, 2.2
_BAR, _BAR_TICKS, _LONGEST_BAR = 0.18, 0.4, 6.0
_PAD = 0.12  # between a name and the square
_TREE, _TREE_GAP = 0.08, 0.08
"""The tree's width as a share of the page's, and its distance from the square."""
_APART = 0.35  # cells between the networks and what they are held against


def cka_figure(matrix: Matrix) -> Figure:
    """Draw the square; the numbers are printed, and the colour bar and lines below say what is shown.

    Args:
        matrix: at least one network.

    Returns:
        a figure at its printed size: 8.5 cm wide, or 17.5 cm where the numbers of so many networks need it; no text
        below 6 pt. Of more than some forty networks the cells are too small for numbers, and have shades alone.
    """
    page, names, printed = _fitting(matrix)
    tree = _tree_width(matrix, page)
    left = _MARGIN + _PAD + _widest(names)
    count, down = len(matrix.names), _places(matrix)
    cell = min(_LARGEST_CELL, (page - left - tree - _MARGIN) / count)
    width, side = count * cell, (down[-1] + 1) * cell
    points = (page - 2 * _MARGIN) * style.POINTS_PER_CM
    title = style.fit(matrix.title, points, size=style.TEXT_PT, lines=2)
    told = matrix.said if printed is not None else [*matrix.said, "the numbers are in the table"]
    foot = "\n".join(style.fit(line, points, size=style.SMALL_PT, lines=2) for line in told)
    upright = _widest(names[:count]) + 2 / style.POINTS_PER_CM <= cell
    top = _MARGIN + (title.count("\n") + 1) * _LINE + 0.12
    below = _PAD + (_SMALL_LINE if upright else _widest(names[:count])) + 0.12
    bar_top = top + side + below
    height = bar_top + _BAR + _BAR_TICKS + (foot.count("\n") + 1) * _SMALL_LINE + 0.05 + _MARGIN
    start = left + (page - left - tree - _MARGIN - width) / 2  # few networks stand in the middle
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
        axes = figure.add_axes((start / page, 1 - (top + side) / height, width / page, side / height))
        axes.set_label("CKA")
        axes.set_xlim(0, count)
        axes.set_ylim(down[-1] + 1, 0)
        _draw_cells(axes, matrix, printed, down)
        axes.set_xticks([place + 0.5 for place in range(count)], names[:count], rotation=0 if upright else 90)
        axes.set_yticks([place + 0.5 for place in down], names)
        axes.tick_params(length=0, pad=_PAD * style.POINTS_PER_CM)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if matrix.tree is not None:
            at = ((start + width + _TREE_GAP) / page, 1 - (top + count * cell) / height)
            beside = figure.add_axes((*at, (tree - _TREE_GAP) / page, count * cell / height))
            _draw_tree(beside, matrix)
        long = min(_LONGEST_BAR, width)
        bar_axes = figure.add_axes(
            ((start + (width - long) / 2) / page, 1 - (bar_top + _BAR) / height, long / page, _BAR / height)
        )
        _draw_bar(figure, bar_axes, matrix, long)
    return figure


def _draw_bar(figure: Figure, axes: Axes, matrix: Matrix, long: float) -> None:
    axes.set_label("colour bar")
    low, high = matrix.scale
    found = MaxNLocator(2 if long < 3 else 5, steps=[1, 2, 5, 10]).tick_values(low, high)
    ticks = [float(tick) for tick in found if low - 1e-9 < tick < high + 1e-9]
    shades = ScalarMappable(Normalize(low, high), SHADES)
    bar = figure.colorbar(shades, cax=axes, ticks=ticks, orientation="horizontal")
    bar.ax.set_xticklabels([f"{tick:.4g}".replace("-", "−") for tick in ticks])
    bar.ax.tick_params(labelsize=style.SMALL_PT, pad=1.5)
    bar.outline.set_linewidth(0.4)


def _draw_tree(axes: Axes, matrix: Matrix) -> None:
    """Leaves at the rows of the square, the root at the right."""
    axes.set_label("tree")
    for line in matrix.branches:
        axes.plot(*zip(*line, strict=True), color=style.INK, linewidth=0.6, solid_joinstyle="miter")
    axes.set_xlim(0, 1.02)
    axes.set_ylim(len(matrix.names), 0)
    axes.set_axis_off()


def _draw_cells(axes: Axes, matrix: Matrix, printed: list[list[str]] | None, down: Sequence[float]) -> None:
    # cells as rectangles: vectors in the PDF, sharp at any enlargement
    for row, y in enumerate(down):
        for column in range(len(matrix.names)):
            value = matrix.shown(row, column)
            known = math.isfinite(value)
            if row == column or (row >= len(matrix.names) and not known):
                continue
            shade = matrix.shade(value) if known else 0.0
            colour = SHADES(shade) if known else SHADES.get_bad()
            axes.add_patch(Rectangle((column, y), 1, 1, facecolor=colour, edgecolor="white", linewidth=0.4))
            if printed is None:
                continue
            axes.text(
                column + 0.5,
                y + 0.52,
                printed[row][column],
                ha="center",
                va="center",
                fontsize=style.SMALL_PT,
                fontstyle="italic" if _doubtful(matrix, row, column) else "normal",
                color="white" if takes_white(shade) else "black",
            )


def _doubtful(matrix: Matrix, row: int, column: int) -> bool:
    return column < row < len(matrix.names) and bool(matrix.doubtful[row, column])


def _places(matrix: Matrix) -> list[float]:
    """Where rows begin, in cells."""
    count = len(matrix.names)
    return [row + (_APART if row >= count else 0.0) for row in range(count + len(matrix.calibration))]


def _tree_width(matrix: Matrix, page: float) -> float:
    return 0.0 if matrix.tree is None else _TREE * page


def _row_names(matrix: Matrix) -> list[str]:
    return [*matrix.names, *(row.name for row in matrix.calibration)]


def _fitting(matrix: Matrix) -> tuple[float, list[str], list[list[str]] | None]:
    """Page width, names and numbers: a column's width if they can be read there, `.87` for `0.87` where that helps."""
    tried = [
        (page, decimals, short)
        for page in (style.COLUMN_CM, style.PAGE_CM)
        for decimals in (3, 2)
        for short in (False, True)
    ]
    rows, columns = range(len(_row_names(matrix))), range(len(matrix.names))
    printed: list[list[str]] | None = None
    for page, decimals, short in tried:
        printed = [[matrix.printed(row, column, decimals, short=short) for column in columns] for row in rows]
        # the few numbers below 0 may come nearer to their neighbours
        needed = max(_widest([text]) + (1 if "−" in text else 2) / style.POINTS_PER_CM for text in {*chain(*printed)})
        room = page - 2 * _MARGIN - _tree_width(matrix, page) - _PAD - len(columns) * needed
        if room >= min(_widest(_row_names(matrix)), _SHORTEST_NAME):
            break
    else:
        printed, room = None, _LONGEST_NAME
    points = max(_SHORTEST_NAME, min(room, _LONGEST_NAME)) * style.POINTS_PER_CM
    return page, [style.fit(name, points, size=style.SMALL_PT) for name in _row_names(matrix)], printed


def _widest(texts: Iterable[str]) -> float:
    return max(style.text_width(text, style.SMALL_PT) for text in texts) / style.POINTS_PER_CM
