"""The figure of the flow: a network a row, all of the change as one bar and its blocks beside it, input to output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from l2xbench.draw import style

_MARGIN = 0.15
_NAMES = 3.0
_BAR = 5.2
_GAP = 0.75
_TOLD = 1.5
"""What is told to the right of each row: its scale."""
_ROW = 0.86
_HEAD = 0.95
_FOOT = 1.05
_SKIP, _PAST, _AWAY = "#9a9a9a", "#d4d4d4", style.SERIES[1]
_DEPTH = LinearSegmentedColormap.from_list("depth", style.SHADES[2:])


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


def flow_figure(bars: Sequence[FlowBar], title: str) -> Figure:
    """Draws the networks below each other on the width of a page."""
    width = style.PAGE_CM
    height = _HEAD + _ROW * len(bars) + _FOOT
    right = width - _MARGIN - _TOLD
    left = _MARGIN + _NAMES + _BAR + _GAP
    with style.context():
        figure = style.new_figure(width, height)
        heading = style.fit(title, (width - 2 * _MARGIN) * style.POINTS_PER_CM, size=style.TEXT_PT)
        figure.text(_MARGIN / width, 1 - _MARGIN / height, heading, va="top", ha="left")
        above = 1 - (_HEAD - 0.1) / height
        figure.text((_MARGIN + _NAMES) / width, above, "all of it", va="bottom", ha="left", fontsize=style.SMALL_PT)
        figure.text(
            left / width,
            above,
            "of it, what each block has written, from input to output",
            va="bottom",
            ha="left",
            fontsize=style.SMALL_PT,
        )
        whole = figure.add_axes(
            (
                (_MARGIN + _NAMES) / width,
                _FOOT / height,
                _BAR / width,
                _ROW * len(bars) / height,
            )
        )
        draw_wholes(whole, bars)
        for row, bar in enumerate(bars):
            bottom = _FOOT + _ROW * (len(bars) - 1 - row)
            axes = figure.add_axes(
                (left / width, (bottom + 0.08) / height, (right - left) / width, (_ROW - 0.16) / height)
            )
            limit = draw_blocks(axes, bar)
            name = style.fit(bar.name, (_NAMES - 0.15) * style.POINTS_PER_CM, size=style.TEXT_PT)
            middle = (bottom + _ROW / 2) / height
            figure.text((_MARGIN + _NAMES - 0.12) / width, middle, name, va="center", ha="right")
            shown = f"max {100 * limit:.2g} %"
            counted = f"{bar.blocks} blocks" + (f" in {len(bar.written)}" if len(bar.written) < bar.blocks else "")
            figure.text(
                (right + 0.1) / width,
                middle,
                f"{shown}\n{counted}",
                va="center",
                ha="left",
                fontsize=style.SMALL_PT - 0.5,
                linespacing=1.2,
            )
    return figure


def draw_wholes(axes: Axes, bars: Sequence[FlowBar]) -> None:
    """The stacked bars: skip, past all blocks, and the blocks in their order; what takes away, left of zero."""
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
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    handles = [
        axes.barh(-9, 0, color=colour, label=label)
        for label, colour in (
            ("skip", _SKIP),
            ("past all blocks", _PAST),
            ("blocks", _DEPTH(0.6)),
            ("takes away", _AWAY),
        )
    ]
    axes.legend(
        handles=handles,
        loc="upper left",
        bbox_to_anchor=(-0.02, -0.52 / (_ROW * len(bars))),
        ncols=4,
        handlelength=0.8,
        columnspacing=0.8,
        handletextpad=0.3,
        borderpad=0,
    )


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
    axes.set_xlim(-0.7, max(count, 8) - 0.3)
    axes.set_ylim(low - room, high + room)
    axes.set_axis_off()
    return max((abs(part) for part in bar.written), default=0.0)
