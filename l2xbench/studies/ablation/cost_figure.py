"""Cost against faithfulness: what a map takes, and how much more than random order its order lowers PSNR."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from l2xbench.draw import style
from l2xbench.draw.labels import Line, Room, place_labels
from l2xbench.store.records import Record, record_groups
from l2xbench.studies.ablation.curves import Curve, gap, with_random
from l2xbench.studies.ablation.curves_figure import Look, looks_of
from l2xbench.studies.ablation.units import CONTROL, RANDOM

_LEFT, _RIGHT, _FOOT = 1.0, 0.25, 0.9  # cm, as all lengths here
_PLOT = 4.6
_LINE = style.SMALL_PT * 1.35 / style.POINTS_PER_CM
MOST_NAMED = 4
"""Networks that have their number beside their points; of more, the median and the range of each method are drawn."""
_MARKER_PT = 4.0


@dataclass(frozen=True)
class Spot:
    """One method on one network."""

    method: str
    model: str
    seconds: float
    """Mean time of a map."""
    gap: float
    """Mean gap to random order in dB, over images and ratios; larger is truer."""
    interval: tuple[float, float]
    """95 %, by the bootstrap over images."""


def cost_spots(curves: list[Curve], records: Iterable[Record], seed: int) -> list[Spot]:
    """What the figure shows of the curves of one dataset, granularity and order.

    Args:
        curves: random order's among them, or there is nothing to show.
        records: of the study `attribution`, which tell what the maps cost.
        seed: of the bootstrap.
    """
    taken: dict[tuple[str, str, str], list[float]] = {}
    for group in record_groups(records, "attribution"):
        known = [seconds for seconds in group.numbers("seconds") if seconds is not None and seconds > 0]
        taken[group.dataset, group.model, group.label] = known
    spots = []
    for curve, random in with_random(curves):
        costs = taken.get((curve.dataset, curve.model, curve.method))
        below = None if random is None or random is curve else gap(curve, random, "psnr", seed)
        if costs and below is not None:
            alone = math.isnan(below.interval[0])  # one image: no line
            ends = (below.mean, below.mean) if alone else below.interval
            spots.append(Spot(curve.method, curve.model, mean(costs), below.mean, ends))
    return spots


def numbered(spots: list[Spot]) -> dict[str, int]:
    """Network -> the number that stands beside its points; none where there is one network, or there are many.

    The control looks at no network: its points stay without numbers, and leave room for the others'.
    """
    names = list(dict.fromkeys(spot.model for spot in spots if spot.method != CONTROL))
    return {name: number for number, name in enumerate(names, start=1)} if 1 < len(names) <= MOST_NAMED else {}


def cost_figure(spots: list[Spot], title: str, device: str) -> Figure:
    """Draw seconds a map (logarithmic) against the gap to random order: up and to the left is better.

    Colour and marker tell the method. Of up to four networks a number beside it tells the network, and lines upright
    are 95 % intervals; of more, each method has its median over networks, with their range, before the faint points.

    Args:
        spots: at least one.
        title: what the gaps are from.
        device: where the seconds were measured.

    Returns:
        a figure 8.5 cm wide; no text below 6 pt.
    """
    numbers = numbered(spots)
    labelled = [spot for spot in spots if numbers and spot.method != CONTROL]
    methods = list(dict.fromkeys(spot.method for spot in spots))
    looks = looks_of(methods)
    networks = len({spot.model for spot in spots})
    many = networks > MOST_NAMED
    page = style.COLUMN_CM
    room = (page - 0.2) * style.POINTS_PER_CM
    head = style.fit(title, room, size=style.TEXT_PT, lines=2)
    key = _key(numbers, room)
    if many:
        told = f"Large: each method's median over {networks} networks; lines: their range; small: a network each."
        key = style.fit(told, room, size=style.SMALL_PT, lines=2).split("\n")
    columns = max(1, min(len(methods) + 1, int(page // 2.8)))
    legend = math.ceil((len(methods) + 1) / columns)
    top = 0.15 + (head.count("\n") + 1) * _LINE + legend * _LINE * 1.2 + 0.3
    foot = _FOOT + len(key) * _LINE + (0.1 if key else 0)
    height = top + _PLOT + foot
    with style.context():
        figure = style.new_figure(page, height)
        axes = figure.add_axes((_LEFT / page, foot / height, (page - _LEFT - _RIGHT) / page, _PLOT / height))
        axes.set_label("cost against faithfulness")
        axes.set_xscale("log")
        axes.axhline(0, color=looks[RANDOM].colour, linestyle=looks[RANDOM].dashes, linewidth=1)
        for spot in spots:
            _draw(axes, spot, looks[spot.method], faint=many)
        for method in methods if many else []:
            _draw_median(axes, [spot for spot in spots if spot.method == method], looks[method])
        low, high = min(spot.seconds for spot in spots), max(spot.seconds for spot in spots)
        axes.set_xlim(low / 1.6, high * 1.8)
        axes.xaxis.set_major_locator(style.log_locator(low, high))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(MaxNLocator(6))
        _label(axes, labelled, [spot for spot in spots if spot not in labelled], numbers)
        axes.grid(axis="y", color=style.FAINT, alpha=0.25, linewidth=0.4)
        axes.set_xlabel(style.fit(f"seconds a map ({device})", room, size=style.TEXT_PT), labelpad=2)
        axes.set_ylabel("mean gap to random order (dB)", labelpad=2)
        figure.text(0.1 / page, 1 - 0.1 / height, head, va="top", linespacing=style.LINE_SPACING)
        handles = [
            Line2D([], [], color=look.colour, linestyle="none", marker=look.marker, markersize=_MARKER_PT, label=name)
            for name, look in ((name, looks[name]) for name in methods)
        ]
        random = looks[RANDOM]
        handles.append(Line2D([], [], color=random.colour, linestyle=random.dashes, label=RANDOM))
        style.legend_at_left(
            figure, handles, 1 - (0.15 + (head.count("\n") + 1) * _LINE) / height, columns, handle=1.8, gap=1.0
        )
        if key:
            figure.text(
                0.1 / page, 0.1 / height, "\n".join(key), va="bottom", fontsize=style.SMALL_PT, linespacing=1.25
            )
    return figure


def _draw(axes: Axes, spot: Spot, look: Look, *, faint: bool) -> None:
    if not faint:
        axes.plot((spot.seconds, spot.seconds), spot.interval, color=look.colour, linewidth=0.8, alpha=0.6)
    axes.plot(
        spot.seconds,
        spot.gap,
        color=look.colour,
        marker=look.marker,
        markersize=_MARKER_PT / 2 if faint else _MARKER_PT,
        alpha=0.45 if faint else 1,
        markeredgewidth=0,
        linestyle="none",
    )


def _draw_median(axes: Axes, spots: list[Spot], look: Look) -> None:
    """A method's median of seconds and of gap, and the range of each over networks."""
    seconds, gaps = ([getattr(spot, name) for spot in spots] for name in ("seconds", "gap"))
    at = (median(seconds), median(gaps))
    axes.plot((min(seconds), max(seconds)), (at[1], at[1]), color=look.colour, linewidth=0.9, zorder=3)
    axes.plot((at[0], at[0]), (min(gaps), max(gaps)), color=look.colour, linewidth=0.9, zorder=3)
    axes.plot(
        *at,
        color=look.colour,
        marker=look.marker,
        markersize=1.4 * _MARKER_PT,
        markeredgecolor="white",
        markeredgewidth=0.5,
        linestyle="none",
        zorder=4,
    )


def _label(axes: Axes, spots: list[Spot], others: list[Spot], numbers: dict[str, int]) -> None:
    """Each spot's number beside it, or at the end of a thin line where there is no room."""
    axes.set_ylim(axes.get_ylim())
    scale = 72 / axes.figure.dpi

    def points(x: float, y: float) -> tuple[float, float]:
        across, up = axes.transData.transform((x, y))
        return float(across) * scale, float(up) * scale

    at = [points(spot.seconds, spot.gap) for spot in spots]
    texts = [str(numbers[spot.model]) for spot in spots]
    frame = axes.get_window_extent()
    places = place_labels(
        at,
        [(style.text_width(text, style.SMALL_PT), style.SMALL_PT * 0.8) for text in texts],
        Room(frame.x0 * scale, frame.y0 * scale, frame.x1 * scale, frame.y1 * scale),
        marker=_MARKER_PT / 2 + 0.4,
        others=[points(spot.seconds, spot.gap) for spot in others],
        lines=[
            Line(points(spot.seconds, low)[0], points(spot.seconds, low)[1], points(spot.seconds, high)[1])
            for spot in (*spots, *others)
            for low, high in [spot.interval]
        ],
    )
    for spot, text, (x, y), place in zip(spots, texts, at, places, strict=True):
        axes.annotate(
            text,
            (spot.seconds, spot.gap),
            (place.x - x, place.y - y),
            textcoords="offset points",
            ha="center",
            va="center_baseline",
            fontsize=style.SMALL_PT,
            # the white rim keeps a number legible upon an interval's line
            path_effects=[withStroke(linewidth=1.2, foreground="white")],
            arrowprops=_LEADER if place.leader else None,
            zorder=4,
        )


_LEADER = {"arrowstyle": "-", "linewidth": 0.4, "color": style.INK, "shrinkA": 0, "shrinkB": _MARKER_PT / 2}


def _key(numbers: dict[str, int], room: float) -> list[str]:
    """`1 edsr   2 rcan`, in as many lines as it takes."""
    lines = [""] if numbers else []
    for name, number in numbers.items():
        entry = style.fit(f"{number} {name}", room, size=style.SMALL_PT)
        longer = f"{lines[-1]}   {entry}" if lines[-1] else entry
        if style.text_width(longer, style.SMALL_PT) <= room:
            lines[-1] = longer
        else:
            lines.append(entry)
    return lines
