"""The figure of reach: how much of a patch's map lies beyond each distance, a curve a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from l2xbench.draw import style
from l2xbench.draw.surround import Dashes, LineLook, Surround
from l2xbench.words import words

FLOOR = 1e-5
"""Shares below it are not drawn: what a map's float32 still tells."""
MOST_BANDS = 4
"""Networks with bands: those of more lie upon each other."""
BANDS = "Bands: 95 % intervals over images, none where one begins at 0."
NO_BANDS = "The tables have the intervals: bands of so many networks would lie upon each other."
_MARKERS = "oDs^vP*X<>d"
_EVERY = 8
"""Distances from a marker to the next."""
_LEFT, _RIGHT, _FOOT = 1.25, 0.25, 0.85  # cm, as all lengths here
_PLOT = {style.COLUMN_CM: 4.6, style.PAGE_CM: 6.0}
_DASHES: tuple[Dashes, ...] = (
    "solid",
    (0, (4, 1.5)),
    (0, (1, 1)),
    (0, (5, 1.5, 1, 1.5)),
)


@dataclass(frozen=True)
class ReachLine:
    """A network's curve; arrays are by distance, 0, 1, 2, ... LR pixels."""

    name: str
    mean: NDArray[np.float64]
    """Share of |R| beyond the distance, over patches and images."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def reach_figure(
    lines: Sequence[ReachLine], title: str, footprint: float, note: str, scale: int, width: str = "auto"
) -> Figure:
    """Draw the share of |R| beyond each distance, logarithmic; up to four networks have their 95 % bands.

    Args:
        lines: a network each.
        title: what the figure shows.
        footprint: how far the patch itself reaches from its middle, in LR pixels; it is shaded.
        note: below the figure; what the bands are is added.
        scale: of the networks; at 1 their pixels are the input's, not LR.
        width: `column` (8.5 cm), `page` (17.5 cm), or `auto`: a column for up to seven networks.

    Returns:
        the figure; no text below 6 pt.
    """
    narrow = width == "column" or (width == "auto" and len(lines) <= len(style.SERIES))
    page = style.COLUMN_CM if narrow else style.PAGE_CM
    room = (page - 0.2) * style.POINTS_PER_CM
    banded = len(lines) <= MOST_BANDS
    names = [style.fit(line.name, room / 2, size=style.SMALL_PT) for line in lines]
    around = Surround(page, title, names, f"{note} {BANDS if banded else NO_BANDS}", lines_of_note=3)
    foot = around.foot(_FOOT)
    plot = _PLOT[page]
    height = around.head + plot + foot
    looks = _looks(len(lines))
    with style.context():
        figure = style.new_figure(page, height)
        axes = figure.add_axes((_LEFT / page, foot / height, (page - _LEFT - _RIGHT) / page, plot / height))
        axes.set_label("reach")
        axes.set_yscale("log")
        axes.axvspan(0, footprint, color=style.FAINT, alpha=0.15, linewidth=0)
        ends = 1.0
        for number, (line, look) in enumerate(zip(lines, looks, strict=True)):
            radii = np.arange(len(line.mean))
            shown = line.mean >= FLOOR
            if shown.any():
                ends = max(ends, float(radii[shown].max()))
            if banded:
                low, high = np.maximum(line.low, FLOOR), np.maximum(line.high, FLOOR)
                # 0 has no place on the axis: a band that reaches it would fall down to the axis' end
                there = (line.low > 0) & (line.high > FLOOR)
                axes.fill_between(radii, low, high, where=there, color=look.colour, alpha=0.15, linewidth=0)
            axes.plot(
                radii,
                np.where(line.mean > 0, line.mean, np.nan),
                color=look.colour,
                linestyle=look.dashes,
                linewidth=1.1,
                marker=look.marker,
                markersize=2.5,
                markevery=(number * _EVERY // len(lines), _EVERY),
            )
        axes.set_ylim(FLOOR, 1.2)
        axes.set_xlim(0, ends + 1)
        axes.xaxis.set_major_locator(MaxNLocator(8 if narrow else 14, integer=True))
        axes.yaxis.set_major_locator(LogLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(axis="y", color=style.FAINT, alpha=0.25, linewidth=0.4)
        axes.set_xlabel(f"distance from the patch's middle ({words(scale).lr} pixels)", labelpad=2)
        axes.set_ylabel("share of |R| beyond it (%)", labelpad=2)
        around.draw(figure, height, zip(names, looks, strict=True), markersize=2.5)
    return figure


def _looks(count: int) -> list[LineLook]:
    """A look a network; where colours come again, each has a marker too."""
    colours = len(style.SERIES)
    return [
        LineLook(
            style.SERIES[number % colours],
            _DASHES[number // colours % len(_DASHES)],
            _MARKERS[number % len(_MARKERS)] if count > colours else "",
        )
        for number in range(count)
    ]
