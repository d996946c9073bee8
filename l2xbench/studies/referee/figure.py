"""Agreement against cost: how far each method's maps follow the interventions, and what a map takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from l2xbench.draw import style
from l2xbench.studies.ablation.curves_figure import Look, looks_of

_LEFT, _RIGHT, _FOOT = 1.45, 0.2, 0.85  # cm, as all lengths here
_PLOT = 2.4
_BETWEEN = 0.35
_LINE = style.SMALL_PT * 1.35 / style.POINTS_PER_CM
_COLUMNS = 4
"""Entries of the legend in a row: those of seven methods fill two."""
_LEAST_COST = 0.01
"""In gradients: a map that takes less, such as a control's, is drawn there."""
_ROWS = (
    ("signed", "rank correlation,\nall blocks"),
    ("outside", "rank correlation,\noutside the patch"),
    ("above", "signs right,\nabove chance"),
)


@dataclass(frozen=True)
class Point:
    """A method on one network, means over patches.

    Attributes:
        method: whose maps.
        model: the network.
        gradients: what a map takes.
        signed: rank correlation with the interventions, signs kept.
        outside: the same over the blocks outside the patch's own LR pixels.
        above: share of right signs less that of chance.
    """

    method: str
    model: str
    gradients: float
    signed: float
    outside: float
    above: float


def agreement_figure(points: Sequence[Point], title: str, intervention_gradients: float) -> Figure:
    """Draw gradients a map (logarithmic) against agreement: up and to the left is better.

    A small point is a network, a large one the mean of all.

    Args:
        points: at least one.
        title: what was compared.
        intervention_gradients: what the interventions themselves take, which is told below.

    Returns:
        a figure 8.5 cm wide; no text below 6 pt.
    """
    methods = list(dict.fromkeys(point.method for point in points))
    looks = looks_of([method for method in methods if method != "random"])
    page = style.COLUMN_CM
    room = (page - 0.2) * style.POINTS_PER_CM
    head = style.fit(title, room, size=style.TEXT_PT, lines=3)
    legend = -(-len(methods) // _COLUMNS)
    top = 0.15 + (head.count("\n") + 1) * _LINE * 1.1 + legend * _LINE * 1.25 + 0.25
    height = top + len(_ROWS) * _PLOT + (len(_ROWS) - 1) * _BETWEEN + _FOOT
    costs = [max(point.gradients, _LEAST_COST) for point in points]
    with style.context():
        figure = style.new_figure(page, height)
        figure.text(0.1 / page, 1 - 0.1 / height, head, va="top", linespacing=style.LINE_SPACING)
        for row, (value, label) in enumerate(_ROWS):
            bottom = height - top - (row + 1) * _PLOT - row * _BETWEEN
            place = (_LEFT / page, bottom / height, (page - _LEFT - _RIGHT) / page, _PLOT / height)
            axes = figure.add_axes(place, label=value)
            _plot(axes, points, value, methods, looks)
            axes.set_xlim(min(costs) / 1.6, max(costs) * 1.8)
            axes.set_ylabel(label, labelpad=2, fontsize=style.SMALL_PT)
            axes.xaxis.set_major_locator(style.log_locator(min(costs), max(costs)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda cost, _: f"{cost:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            if row < len(_ROWS) - 1:
                axes.tick_params(labelbottom=False)
        axes.set_xlabel(
            f"gradients a map (interventions: {intervention_gradients:,.0f})", labelpad=2, fontsize=style.TEXT_PT
        )
        handles = [
            Line2D([], [], linestyle="none", color=look.colour, marker=look.marker or "x", markersize=4, label=method)
            for method, look in ((method, looks[method]) for method in methods)
        ]
        style.legend_at_left(
            figure, handles, 1 - (0.15 + (head.count("\n") + 1) * _LINE * 1.1) / height, _COLUMNS, handle=1.2, gap=0.9
        )
    return figure


def _plot(axes: Axes, points: Sequence[Point], value: str, methods: Sequence[str], looks: dict[str, Look]) -> None:
    axes.set_xscale("log")
    axes.axhline(0, color=style.FAINT, linewidth=0.6)
    for method in methods:
        mine = [point for point in points if point.method == method]
        across = [max(point.gradients, _LEAST_COST) for point in mine]
        up = [float(getattr(point, value)) for point in mine]
        look = looks[method]
        marker = look.marker or "x"
        axes.plot(across, up, linestyle="none", color=look.colour, marker=marker, markersize=2.2, alpha=0.55)
        if len(mine) > 1:
            middle = sum(across) / len(mine), sum(up) / len(mine)
            axes.plot(*middle, linestyle="none", color=look.colour, marker=marker, markersize=5)
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=style.FAINT, alpha=0.25, linewidth=0.4)
