"""The diagram of ranks with a critical difference, for print."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from l2xbench.draw import style
from l2xbench.studies.differences.layout import RankDiagram

# in cm, as all lengths here
_HEAD = 0.45  # the title
_LINE = 0.3  # its second line
_CRITICAL = 0.62  # the bar of the critical difference and its label
_AXIS = 0.42  # tick labels above the axis
_LEVEL = 0.16  # between the bars that join networks
_ROW = 0.36
_FOOT = 0.45  # the remark
_GAP = 0.1


def rank_figure(diagram: RankDiagram, width: float = style.COLUMN_CM) -> Figure:
    """Draws a diagram.

    Args:
        diagram: what is drawn.
        width: in cm; a column's or a page's.

    Returns:
        a figure of that width; no text below 6 pt.
    """
    widest = max(style.text_width(_label(name.name, name.rank), style.TEXT_PT) for name in diagram.names)
    side = min(widest / style.POINTS_PER_CM + 3 * _GAP, 0.31 * width)
    first_row = (diagram.levels + 1) * _LEVEL + 0.2
    below = first_row + diagram.rows * _ROW + 0.05
    wide = (width - 0.2) * style.POINTS_PER_CM
    title = style.fit(diagram.title, wide, size=style.TEXT_PT, lines=2)
    above = _HEAD + _LINE * title.count("\n") + _CRITICAL + _AXIS
    height = above + below + _FOOT
    with style.context():
        figure = style.new_figure(width, height)
        axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
        axes.set_axis_off()
        axes.set_xlim(0, width)
        axes.set_ylim(height - above, -above)  # 0 is the axis of ranks, downwards
        start, end = side, width - side

        def at(rank: float) -> float:
            return start + (rank - 1) / (diagram.last - 1) * (end - start)

        _scale(axes, diagram, at(1), at(diagram.last), start, end)
        for low, high, level in diagram.bars:
            y = (level + 1) * _LEVEL
            reach = 0.06
            axes.plot(
                (at(low) - reach, at(high) + reach), (y, y), color=style.SERIES[0], linewidth=2, solid_capstyle="butt"
            )
        room = (side - 2 * _GAP) * style.POINTS_PER_CM
        for name in diagram.names:
            y = first_row + name.row * _ROW + _ROW / 2
            edge = start - _GAP if name.left else end + _GAP
            axes.plot((at(name.rank), at(name.rank), edge), (0, y, y), color=style.INK, linewidth=0.6)
            rank = f" {name.rank:.1f}"
            shown = style.fit(name.name, room - style.text_width(rank, style.TEXT_PT), size=style.TEXT_PT) + rank
            where = edge - 0.06 if name.left else edge + 0.06
            axes.text(where, y, shown, ha="right" if name.left else "left", va="center")
        axes.text(0.1, 0.1 - above, title, va="top")
        remark = style.fit(diagram.remark, wide, size=style.SMALL_PT)
        axes.text(0.1, below + _FOOT - 0.12, remark, va="bottom", fontsize=style.SMALL_PT)
    return figure


def _label(name: str, rank: float) -> str:
    return f"{name} {rank:.1f}"


def _scale(axes: Axes, diagram: RankDiagram, first: float, last: float, start: float, end: float) -> None:
    """The axis of ranks and, above it, the critical difference."""
    axes.plot((start, end), (0, 0), color=style.INK, linewidth=0.8)
    step = (last - first) / (diagram.last - 1)
    for rank in range(1, diagram.last + 1):
        x = first + (rank - 1) * step
        axes.plot((x, x), (0, -0.08), color=style.INK, linewidth=0.6)
        if diagram.last <= 15 or rank == 1 or rank % 5 == 0:
            axes.text(x, -0.12, str(rank), ha="center", va="bottom", fontsize=style.SMALL_PT)
    length = min(diagram.critical * step, end - start)
    y = -_AXIS - 0.08
    axes.plot((start, start + length), (y, y), color=style.INK, linewidth=0.8)
    for x in (start, start + length):
        axes.plot((x, x), (y - 0.06, y + 0.06), color=style.INK, linewidth=0.8)
    beyond = " (wider than the axis)" if diagram.critical * step > end - start else ""
    told = f"critical difference {diagram.critical:.2f}{beyond}"
    axes.text(start, y - 0.1, told, ha="left", va="bottom", fontsize=style.SMALL_PT)
