"""Curves and spots as SVG that the page's style colours: coordinates here, elements in `templates/charts.html`."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.ticker import MaxNLocator

from l2xbench.draw import style
from l2xbench.draw.labels import Line, Place, Room, place_labels
from l2xbench.studies.ablation.cost_figure import Spot, numbered
from l2xbench.studies.ablation.curves import CONTROL, METRICS, NAMES, RANDOM, Curve
from l2xbench.studies.ablation.plotted import PlottedCurve, method_numbers, plotted_curves

_SERIES = 6
"""Colours that the style has for methods; then they start again."""
_RADIUS = 4.5
"""Radius of a spot."""
_DIGIT, _TALL = 7.0, 9.0
"""Width of a digit beside it, and height."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 12.0, 8.0, 34.0


@dataclass(frozen=True)
class Dot:
    """A point of a chart, with what is said of it when it is pointed at."""

    x: float
    y: float
    tip: str
    text: str = ""
    label: Place | None = None
    """The text's middle."""
    low: float | None = None
    high: float | None = None
    """Ends of its interval."""


@dataclass(frozen=True)
class Series:
    """One method: `look` names its colour in the style."""

    name: str
    look: str
    dots: list[Dot]
    band: str = ""
    """An SVG path."""
    joined: bool = True

    @property
    def path(self) -> str:
        """The dots joined."""
        return "M" + "L".join(f"{dot.x:.1f},{dot.y:.1f}" for dot in self.dots)


@dataclass(frozen=True)
class Chart:
    """One plot, in the SVG's own units."""

    title: str
    description: str
    """What a reader who cannot see it is told."""
    width: float
    height: float
    series: list[Series]
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    x_label: str
    y_label: str
    zero: float | None = None
    """Where a line for 0 stands."""

    left, right, top, bottom = _LEFT, _RIGHT, _TOP, _BOTTOM


@dataclass(frozen=True)
class Axis:
    """From numbers to places."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = map(math.log10, (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self, most: int) -> list[tuple[float, str]]:
        """At most so many round numbers inside the axis."""
        if self.log:
            found = style.log_locator(self.low, self.high).tick_values(self.low, self.high)
        else:
            found = MaxNLocator(most).tick_values(self.low, self.high)
        inside = [float(tick) for tick in found if self.low <= tick <= self.high]
        return [(self(tick), f"{tick:.4g}".replace("-", "−")) for tick in inside]


def looks(methods: Iterable[str]) -> dict[str, str]:
    """Method -> the name of its colour: controls have their own."""
    own = {method: f"s{number % _SERIES}" for method, number in method_numbers(methods).items()}
    return {RANDOM: "random", CONTROL: "control", **own}


def ablation_charts(curves: list[Curve], seed: int) -> list[tuple[str, list[Chart]]]:
    """For each network a chart of PSNR and one of SSIM over the masked share, all networks on one scale.

    Bands are those of `plotted_curves`, as in the figure.
    """
    look = looks(dict.fromkeys(curve.method for curve in curves))
    plotted = {metric: plotted_curves(curves, metric, seed) for metric in METRICS}
    return [
        (network, [_ablation_chart(network, metric, plotted[metric], look) for metric in METRICS])
        for network in dict.fromkeys(curve.model for curve in curves)
    ]


def _ablation_chart(network: str, metric: str, plotted: list[PlottedCurve], look: dict[str, str]) -> Chart:
    """The chart of one network and metric; all networks' curves decide its axes."""
    x, y = _axes(plotted)
    series, told = [], []
    for one in plotted:
        method = one.curve.method
        if one.curve.model != network:
            continue
        dots = [
            Dot(x(share), y(mean), f"{method}, {share:.4g} % masked: {_shown(mean, metric)}")
            for share, mean in zip(one.shares, one.mean, strict=True)
        ]
        series.append(Series(method, look[method], dots, _area(one, x, y)))
        told.append(f"{method} from {_shown(one.mean[0], metric)} to {_shown(one.mean[-1], metric)}")
    shares = plotted[0].shares
    return Chart(
        title=NAMES[metric],
        description=f"{NAMES[metric]} of {network} from {shares[0]:.4g} % to {shares[-1]:.4g} % masked: "
        f"{'; '.join(told)}.",
        width=300,
        height=190,
        series=series,
        x_ticks=x.ticks(5),
        y_ticks=y.ticks(5),
        x_label="masked (%)",
        y_label=NAMES[metric],
    )


def _axes(plotted: list[PlottedCurve]) -> tuple[Axis, Axis]:
    low = min(float(one.low.min()) for one in plotted)
    high = max(float(one.high.max()) for one in plotted)
    pad = 0.05 * (high - low) or 0.5
    x = Axis(0, max(float(one.shares.max()) for one in plotted) * 1.02, _LEFT, 300 - _RIGHT)
    return x, Axis(low - pad, high + pad, 190 - _BOTTOM, _TOP)


def _area(plotted: PlottedCurve, x: Axis, y: Axis) -> str:
    there = [f"{x(share):.1f},{y(high):.1f}" for share, high in zip(plotted.shares, plotted.high, strict=True)]
    back = [f"{x(share):.1f},{y(low):.1f}" for share, low in zip(plotted.shares, plotted.low, strict=True)]
    return "M" + "L".join([*there, *reversed(back)]) + "Z"


def _shown(value: float, metric: str) -> str:
    return f"{value:.2f} dB" if metric == "psnr" else f"{value:.4f}"


def cost_chart(spots: list[Spot]) -> Chart:
    """Seconds a map, logarithmic, against the gap to random order in dB: `cost_figure` for the page."""
    width, height = 640.0, 300.0
    numbers = numbered(spots)
    look = looks(dict.fromkeys(spot.method for spot in spots))
    ends = [0.0, *(end for spot in spots for end in spot.interval)]
    pad = 0.08 * (max(ends) - min(ends)) or 0.5
    x = Axis(min(s.seconds for s in spots) / 1.5, max(s.seconds for s in spots) * 1.7, _LEFT, width - _RIGHT, log=True)
    y = Axis(min(ends) - pad, max(ends) + pad, height - _BOTTOM, _TOP)
    series: list[Series] = []
    texts: dict[tuple[int, int], str] = {}
    for method in dict.fromkeys(spot.method for spot in spots):
        dots: list[Dot] = []
        for spot in spots:
            if spot.method == method:
                low, high = spot.interval
                tip = (
                    f"{method} on {spot.model}: {spot.seconds:.3g} s a map, {spot.gap:.2f} dB below random order "
                    f"(95 %: {low:.2f} to {high:.2f})"
                )
                dots.append(Dot(x(spot.seconds), y(spot.gap), tip, low=y(low), high=y(high)))
                if numbers and method != CONTROL:
                    texts[len(series), len(dots) - 1] = str(numbers[spot.model])
        series.append(Series(method, look[method], dots, joined=False))
    _label(series, texts, Room(_LEFT, _TOP, width - _RIGHT, height - _BOTTOM))
    told = "; ".join(dot.tip for one in series for dot in one.dots)
    return Chart(
        title="Cost against faithfulness",
        description=f"Seconds a map against the mean gap to random order. {told}.",
        width=width,
        height=height,
        series=series,
        x_ticks=x.ticks(8),
        y_ticks=y.ticks(6),
        x_label="seconds a map",
        y_label="gap to random order (dB)",
        zero=y(0),
    )


def _label(series: list[Series], texts: dict[tuple[int, int], str], room: Room) -> None:
    """Puts each text near its dot, where nothing else is."""
    dots = [dot for one in series for dot in one.dots]
    named = [series[i].dots[j] for i, j in texts]
    places = place_labels(
        [(dot.x, dot.y) for dot in named],
        [(_DIGIT * len(text), _TALL) for text in texts.values()],
        room,
        marker=_RADIUS + 1,
        others=[(dot.x, dot.y) for dot in dots if dot not in named],
        lines=[Line(dot.x, *sorted((dot.low, dot.high))) for dot in dots if dot.low is not None is not dot.high],
    )
    for (i, j), text, place in zip(texts, texts.values(), places, strict=True):
        series[i].dots[j] = replace(series[i].dots[j], text=text, label=place)


def legend(curves_or_spots: Iterable[Any]) -> list[tuple[str, str]]:
    """Each method and its look, in the order in which they come."""
    methods = list(dict.fromkeys(one.method for one in curves_or_spots))
    found = looks(methods)
    return [(method, found[method]) for method in methods]
