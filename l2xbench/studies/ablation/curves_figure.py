"""The paper's Fig. 3(a), and all methods side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from l2xbench.draw import style
from l2xbench.studies.ablation.curves import METRICS, NAMES, Curve, gap, with_random
from l2xbench.studies.ablation.plotted import BAND_NOTE, method_numbers, plotted_curves
from l2xbench.studies.ablation.units import CONTROL, RANDOM

_MOST_COLUMNS = {style.COLUMN_CM: 4, style.PAGE_CM: 9}
"""Networks side by side: a plot of 1.6 cm still shows three curves and two ticks."""
_MOST_ROWS = 4
_LEFT = 1.1  # the y axis and its label, in cm as all lengths here
_RIGHT = 0.15
_BETWEEN = 0.22
_HEAD = 1.0  # title and legend
_TICKS = 0.45  # below a network's plots
_FOOT = 0.45  # the label of the x axes
_LINE = style.SMALL_PT * 1.3 / style.POINTS_PER_CM  # of the note below
_NAME = 0.4  # a network's name
_LABELS = 1.15  # the x axis of all methods, with a label of two lines
_PLOT, _SMALL_PLOT = 2.7, 1.8  # a plot's height, that of two networks and of more
_ROWS_BETWEEN = 0.18


@dataclass(frozen=True)
class Look:
    """How a method's lines are drawn."""

    colour: str
    dashes: Literal["solid"] | tuple[float, tuple[float, ...]] = "solid"
    marker: str = "o"


_RANDOM_LOOK = Look(style.SERIES[1], (0, (4, 2)), "")
_CONTROL_LOOK = Look(style.FAINT, (0, (1, 1)), "s")
_METHOD_COLOURS = [colour for colour in style.SERIES if colour != _RANDOM_LOOK.colour]
_MARKERS = "oD^vP*X"


def looks_of(methods: list[str]) -> dict[str, Look]:
    """Random order dashed as in the paper, the control grey, each method its colour and marker."""
    looks = {RANDOM: _RANDOM_LOOK, CONTROL: _CONTROL_LOOK}
    for method, number in method_numbers(methods).items():
        colour = _METHOD_COLOURS[number % len(_METHOD_COLOURS)]
        looks[method] = Look(colour, marker=_MARKERS[number % len(_MARKERS)])
    return looks


def ablation_figure(curves: list[Curve], method: str, title: str, seed: int) -> Figure:
    """Draw the paper's Fig. 3(a): a column a network, PSNR above SSIM, over the mask ratio, with the controls.

    The bands are those of `plotted.plotted_curves`; a line below says what they are.

    Args:
        curves: of one dataset, granularity and order, random order's among them.
        method: whose order is shown beside the controls.
        title: what the figure shows.
        seed: of the bootstrap.

    Returns:
        a figure 8.5 cm wide, or 17.5 cm for more than 16 networks; no text below 6 pt.
    """
    shown = [curve for curve in curves if curve.method in (method, CONTROL, RANDOM)]
    networks = list(dict.fromkeys(curve.model for curve in shown))
    width = style.COLUMN_CM if len(networks) <= _MOST_ROWS * _MOST_COLUMNS[style.COLUMN_CM] else style.PAGE_CM
    blocks = math.ceil(len(networks) / _MOST_COLUMNS[width])
    columns = math.ceil(len(networks) / blocks)
    cell = (width - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) / columns
    plot = _PLOT if columns <= 2 else _SMALL_PLOT
    block = _NAME + 2 * plot + _ROWS_BETWEEN + _TICKS
    note = style.fit(BAND_NOTE, (width - 0.2) * style.POINTS_PER_CM, size=style.SMALL_PT, lines=3)
    foot = _FOOT + (note.count("\n") + 1) * _LINE
    height = _HEAD + blocks * block + foot
    looks = looks_of([method])
    with style.context():
        figure = style.new_figure(width, height)
        first: dict[str, Axes] = {}
        for number, network in enumerate(networks):
            row, column = divmod(number, columns)
            for place, metric in enumerate(METRICS):
                top = _HEAD + row * block + _NAME + place * (plot + _ROWS_BETWEEN)
                left = _LEFT + column * (cell + _BETWEEN)
                where = (left / width, 1 - (top + plot) / height, cell / width, plot / height)
                # one scale for all networks: they are there to be compared
                axes = figure.add_axes(where, sharey=first.get(metric))
                first.setdefault(metric, axes)
                axes.set_label(f"{network}: {metric}")
                _plot(axes, [curve for curve in shown if curve.model == network], metric, looks, seed)
                if place == 0:
                    room = cell * style.POINTS_PER_CM
                    axes.set_title(style.fit(network, room, size=style.TEXT_PT), pad=3)
                _dress(axes, metric, bottom=place == 1, first=column == 0)
                axes.xaxis.set_major_locator(FixedLocator(style.thinned(_percents(shown), 5 if cell > 2 else 3)))
        middle = _LEFT + (width - _LEFT - _RIGHT) / 2
        at = (foot - _FOOT + 0.08) / height
        figure.text(middle / width, at, "masked (%)", ha="center", va="bottom")
        figure.text(0.1 / width, 0.08 / height, note, va="bottom", fontsize=style.SMALL_PT, linespacing=1.25)
        _head(figure, width, height, title, {name: looks[name] for name in dict.fromkeys(c.method for c in shown)})
    return figure


def _plot(axes: Axes, curves: list[Curve], metric: str, looks: dict[str, Look], seed: int) -> None:
    for plotted in plotted_curves(curves, metric, seed):
        look = looks[plotted.curve.method]
        axes.fill_between(plotted.shares, plotted.low, plotted.high, color=look.colour, alpha=0.2, linewidth=0)
        axes.plot(
            plotted.shares,
            plotted.mean,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
            markersize=2,
            clip_on=False,
        )


def _percents(curves: list[Curve]) -> list[float]:
    """The measured shares in per cent, ascending."""
    return sorted({round(100 * ratio, 6) for curve in curves for ratio in curve.ratios})


def _dress(axes: Axes, metric: str, *, bottom: bool, first: bool) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=style.FAINT, alpha=0.25, linewidth=0.4)
    axes.tick_params(labelbottom=bottom, labelleft=first)
    if first:
        axes.set_ylabel(NAMES[metric], labelpad=2)


def _head(figure: Figure, width: float, height: float, title: str, looks: dict[str, Look]) -> None:
    room = (width - 0.2) * style.POINTS_PER_CM
    figure.text(0.1 / width, 1 - 0.1 / height, style.fit(title, room, size=style.TEXT_PT), va="top")
    handles = [
        Line2D([], [], color=look.colour, linestyle=look.dashes, marker=look.marker, markersize=3, label=name)
        for name, look in looks.items()
    ]
    style.legend_at_left(figure, handles, 1 - 0.4 / height, len(handles))


def _legend_columns(names: list[str], room: float) -> int:
    """Entries of a legend that stand side by side in so many points."""
    entry = max(style.text_width(name, style.SMALL_PT) for name in names) + 4.5 * style.SMALL_PT
    return max(1, min(len(names), int(room // entry)))


def methods_figure(curves: list[Curve], title: str, seed: int) -> Figure:
    """Draw each method's mean gap to random order, with its 95 % interval: a line a network, PSNR beside SSIM.

    Further right is a larger fall than random order's, at the same number of masked features; 0 is random order.

    Args:
        curves: of one dataset, granularity and order, with random order's of each network.
        title: what the figure shows.
        seed: of the bootstrap.

    Returns:
        a figure 8.5 cm wide; no text below 6 pt.
    """
    networks = list(dict.fromkeys(curve.model for curve in curves))
    methods = [name for name in dict.fromkeys(curve.method for curve in curves) if name != RANDOM]
    looks = looks_of(methods)
    page = style.COLUMN_CM
    room = (page - 0.2) * style.POINTS_PER_CM
    left = min(2.2, 0.3 + max(style.text_width(name, style.TEXT_PT) for name in networks) / style.POINTS_PER_CM)
    legend = _legend_columns([*methods, RANDOM], room)
    lines = math.ceil((len(methods) + 1) / legend)
    head = 0.58 + 0.33 * lines
    row = max(0.55, 0.2 * len(methods) + 0.15)
    width, height = page, head + row * len(networks) + _LABELS
    between = 0.5
    cell = (width - left - 2 * _RIGHT - between) / 2  # the last tick's label stands out
    with style.context():
        figure = style.new_figure(width, height)
        for place, metric in enumerate(METRICS):
            start = left + place * (cell + between)
            where = (start / width, _LABELS / height, cell / width, row * len(networks) / height)
            axes = figure.add_axes(where)
            axes.set_label(metric)
            axes.axvline(0, color=_RANDOM_LOOK.colour, linestyle=_RANDOM_LOOK.dashes, linewidth=1)
            for curve, random in with_random(curves):
                below = None if random is None or random is curve else gap(curve, random, metric, seed)
                if below is None:
                    continue
                look = looks[curve.method]
                offset = (methods.index(curve.method) - (len(methods) - 1) / 2) * 0.75 / len(methods)
                y = networks.index(curve.model) + offset
                axes.plot(below.interval, (y, y), color=look.colour, linewidth=1)
                axes.plot(below.mean, y, color=look.colour, marker=look.marker, markersize=3)
            axes.set_ylim(len(networks) - 0.5, -0.5)
            names = [style.fit(name, (left - 0.2) * style.POINTS_PER_CM, size=style.TEXT_PT) for name in networks]
            axes.set_yticks(range(len(networks)), names if place == 0 else [""] * len(networks))
            axes.tick_params(axis="y", length=0, labelsize=style.TEXT_PT)
            for edge in range(1, len(networks)):
                axes.axhline(edge - 0.5, color=style.FAINT, alpha=0.3, linewidth=0.4)
            axes.grid(axis="x", color=style.FAINT, alpha=0.25, linewidth=0.4)
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.set_xlabel(f"mean gap to random\norder, {NAMES[metric]}", labelpad=2)
        figure.text(0.1 / width, 1 - 0.1 / height, style.fit(title, room, size=style.TEXT_PT), va="top")
        handles = [
            Line2D([], [], color=looks[name].colour, marker=looks[name].marker, markersize=3, label=name)
            for name in methods
        ]
        handles.append(Line2D([], [], color=_RANDOM_LOOK.colour, linestyle=_RANDOM_LOOK.dashes, label=RANDOM))
        style.legend_at_left(figure, handles, 1 - 0.4 / height, legend)
    return figure
