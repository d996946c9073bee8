"""The ablation on the page: a chart of PSNR and SSIM a network, and of cost against faithfulness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from l2xbench.draw.charts import BOTTOM, LEFT, RIGHT, SERIES, TOP, Axis, Chart, Dot, Series, label_dots
from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.ablation.cost_figure import Spot, cost_spots, numbered
from l2xbench.studies.ablation.curves import METRICS, NAMES, Curve
from l2xbench.studies.ablation.figures import groups
from l2xbench.studies.ablation.plotted import PlottedCurve, method_numbers, plotted_curves
from l2xbench.studies.ablation.units import CONTROL, RANDOM
from l2xbench.studies.study import Section


def ablation_section(results: Results, tables: Mapping[str, Table]) -> Section:
    """What `section.html` shows, and the summaries by metric below it."""
    seed = results.manifest.seed
    shown = []
    for _, title, curves in groups(results):
        spots = cost_spots(curves, results.records, seed)
        shown.append(
            {
                "title": title,
                "networks": ablation_charts(curves, seed),
                "legend": legend(curves),
                "cost": cost_chart(spots) if spots else None,
                "cost_legend": legend(spots),
                "numbers": list(numbered(spots)),
            }
        )
    return Section(
        anchor="ablation",
        link="Ablation",
        title="Ablation: do the maps name the pixels that matter?",
        tables=[tables["ablation_psnr"], tables["ablation_ssim"]],
        template=Path(__file__).parent / "section.html",
        context={"groups": shown, "device": results.manifest.measured_on},
    )


def looks(methods: Iterable[str]) -> dict[str, str]:
    """Method -> the name of its colour: controls have their own."""
    own = {method: f"s{number % SERIES}" for method, number in method_numbers(methods).items()}
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
    x = Axis(0, max(float(one.shares.max()) for one in plotted) * 1.02, LEFT, 300 - RIGHT)
    return x, Axis(low - pad, high + pad, 190 - BOTTOM, TOP)


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
    x = Axis(min(s.seconds for s in spots) / 1.5, max(s.seconds for s in spots) * 1.7, LEFT, width - RIGHT, log=True)
    y = Axis(min(ends) - pad, max(ends) + pad, height - BOTTOM, TOP)
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
    label_dots(series, texts, width, height)
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


def legend(curves_or_spots: Iterable[Any]) -> list[tuple[str, str]]:
    """Each method and its look, in the order in which they come."""
    methods = list(dict.fromkeys(one.method for one in curves_or_spots))
    found = looks(methods)
    return [(method, found[method]) for method in methods]
