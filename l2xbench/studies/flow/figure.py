"""The figure of the flow: a network a row, all of the change as one bar and its blocks beside it, input to output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import PercentFormatter

from l2xbench.draw import style

MOST_IN_A_COLUMN = 6
"""Networks that a figure of 8.5 cm shows."""
_MARGIN = 0.15  # cm, as all lengths here
_NAMES = {style.COLUMN_CM: 1.7, style.PAGE_CM: 3.0}
_BAR = {style.COLUMN_CM: 2.35, style.PAGE_CM: 5.2}
_GAP = {style.COLUMN_CM: 0.25, style.PAGE_CM: 0.75}
_TOLD = 1.5
"""What is told to the right of each row: its scale."""
_ROW = 0.86
_HEAD = 1.2
_FOOT = 0.85
_SKIP, _PAST, _AWAY = "#9a9a9a", "#d4d4d4", style.SERIES[1]
_DEPTH = LinearSegmentedColormap.from_list("depth", style.SHADES[2:])
_KEY = (("skip", _SKIP), ("past all blocks", _PAST), ("blocks", _DEPTH(0.6)), ("takes away", _AWAY))
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM


@dataclass(frozen=True)
class FlowBar:
    """A network's parts: means over images, all of the change being 1."""

    name: str
    skip: float | None
    """None where the network has no skip connection around its blocks."""
    past: float
    written: Sequence[float]
    """What its blocks, or groups of them, have written, from input to output."""
    spread: Sequence[tuple[float, float]]
    """The least and the largest over images of each."""
    blocks: int


def flow_figure(bars: Sequence[FlowBar], title: str, width: str = "auto") -> Figure:
    """Draws the networks below each other; each row of blocks fills its width and height, and says its largest bar.

    Args:
        bars: a network each.
        title: what the figure shows.
        width: `column` (8.5 cm), `page` (17.5 cm), or `auto`: a column for up to six networks.

    Returns:
        the figure; no text below 6 pt.
    """
    narrow = width == "column" or (width == "auto" and len(bars) <= MOST_IN_A_COLUMN)
    page = style.COLUMN_CM if narrow else style.PAGE_CM
    heading = style.fit(title, (page - 2 * _MARGIN) * style.POINTS_PER_CM, size=style.TEXT_PT, lines=2)
    head = _HEAD + heading.count("\n") * _LINE
    height = head + _ROW * len(bars) + _FOOT
    start = _MARGIN + _NAMES[page]
    left, right = start + _BAR[page] + _GAP[page], page - _MARGIN - _TOLD
    with style.context():
        figure = style.new_figure(page, height)
        figure.text(_MARGIN / page, 1 - _MARGIN / height, heading, va="top", ha="left", linespacing=style.LINE_SPACING)
        for at, room, told in (
            (start, _BAR[page], "all of it"),
            (left, page - _MARGIN - left, "of it, each block's part, input to output; each row has its own scale"),
        ):
            shown = style.fit(told, room * style.POINTS_PER_CM, size=style.SMALL_PT, lines=2)
            above = 1 - (head - 0.08) / height
            figure.text(at / page, above, shown, va="bottom", ha="left", fontsize=style.SMALL_PT, linespacing=1.2)
        whole = figure.add_axes((start / page, _FOOT / height, _BAR[page] / page, _ROW * len(bars) / height))
        draw_wholes(whole, bars, few=narrow)
        for row, bar in enumerate(bars):
            bottom = _FOOT + _ROW * (len(bars) - 1 - row)
            axes = figure.add_axes(
                (left / page, (bottom + 0.08) / height, (right - left) / page, (_ROW - 0.16) / height)
            )
            limit = draw_blocks(axes, bar)
            name = style.fit(bar.name, (_NAMES[page] - 0.25) * style.POINTS_PER_CM, size=style.TEXT_PT, lines=2)
            middle = (bottom + _ROW / 2) / height
            figure.text((start - 0.12) / page, middle, name, va="center", ha="right", linespacing=1.1)
            counted = f"{bar.blocks} block{'' if bar.blocks == 1 else 's'}"
            grouped = f"\nin {len(bar.written)}" if len(bar.written) < bar.blocks else ""
            figure.text(
                (right + 0.1) / page,
                middle,
                f"max {100 * limit:.2g} %\n{counted}{grouped}",
                va="center",
                ha="left",
                fontsize=style.SMALL_PT,
                linespacing=1.1,
            )
        handles = [Patch(color=colour, label=label) for label, colour in _KEY]
        style.legend_at_left(figure, handles, 0.38 / height, len(handles), handle=0.8)
    return figure


def draw_wholes(axes: Axes, bars: Sequence[FlowBar], *, few: bool) -> None:
    """The stacked bars: skip, past all blocks, and the blocks in their order; what takes away, left of zero.

    The axis has three numbers, where there is room for `few`, or five.
    """
    for row, bar in enumerate(bars):
        y = len(bars) - 1 - row
        pieces: list[tuple[float, Any]] = [(bar.skip or 0.0, _SKIP), (bar.past, _PAST)]
        count = max(1, len(bar.written) - 1)
        pieces += [(part, _DEPTH(number / count)) for number, part in enumerate(bar.written)]
        up = down = 0.0
        for part, colour in pieces:
            start = up if part >= 0 else down
            away = part < 0
            axes.barh(y, part, left=start, height=0.62, color=_AWAY if away else colour, linewidth=0)
            if away:
                down += part
            else:
                up += part
    axes.axvline(0, color=style.INK, linewidth=0.5)
    axes.axvline(1, color=style.FAINT, linewidth=0.4, linestyle=(0, (2, 2)))
    axes.set_ylim(-0.5, len(bars) - 0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xticks([0, 0.5, 1] if few else [0, 0.25, 0.5, 0.75, 1])


def draw_blocks(axes: Axes, bar: FlowBar) -> float:
    """A bar a block, with the range over images; gives the size of the largest."""
    count = len(bar.written)
    reached = [*bar.written, *(value for pair in bar.spread for value in pair)]
    low, high = min(0.0, *reached), max(0.0, *reached)
    room = 0.05 * (high - low) or 1e-9
    places = np.arange(count)
    colours = [_AWAY if part < 0 else _DEPTH(n / max(1, count - 1)) for n, part in enumerate(bar.written)]
    axes.bar(places, bar.written, width=0.8, color=colours, linewidth=0)
    for place, (least, most) in zip(places, bar.spread, strict=True):
        if most > least:
            axes.plot([place, place], [least, most], color=style.INK, linewidth=0.4)
    axes.axhline(0, color=style.INK, linewidth=0.4)
    axes.set_xlim(-0.7, count - 0.3)
    axes.set_ylim(low - room, high + room)
    axes.set_axis_off()
    return max((abs(part) for part in bar.written), default=0.0)
