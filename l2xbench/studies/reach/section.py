"""Reach's section of the page: a chart a dataset and method, and the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from l2xbench.draw.charts import BOTTOM, LEFT, RIGHT, SERIES, TOP, Axis, Chart, Dot, Series
from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.reach.figure import FLOOR, ReachLine
from l2xbench.studies.reach.figures import reach_lines, shown_networks
from l2xbench.studies.study import Section
from l2xbench.words import words

_WIDTH, _HEIGHT = 640.0, 320.0


def reach_section(results: Results, tables: Mapping[str, Table]) -> Section:
    """What `section.html` shows, and the tables below it."""
    groups, unit = [], f"{words(results.config.scale).lr} pixels"
    for _, _, title, networks in shown_networks(results):
        lines = reach_lines(networks, results.manifest.seed)
        legend = [(line.name, f"s{number % SERIES}") for number, line in enumerate(lines)]
        groups.append({"title": title, "legend": legend, "chart": reach_chart(title, lines, unit)})
    return Section(
        anchor="reach",
        link="Reach",
        title="Reach: how far does each network look?",
        tables=list(tables.values()),
        template=Path(__file__).parent / "section.html",
        context={"groups": groups},
    )


def reach_chart(title: str, lines: Sequence[ReachLine], unit: str) -> Chart:
    """The share of |R| beyond each distance in `unit`, in per cent, logarithmic; a network's line ends at 0.001 %."""
    shown = [[(radius, share) for radius, share in enumerate(line.mean) if share >= FLOOR] for line in lines]
    farthest = max([1, *(radius for points in shown for radius, _ in points)])
    x = Axis(0, farthest, LEFT, _WIDTH - RIGHT)
    y = Axis(100 * FLOOR, 100, _HEIGHT - BOTTOM, TOP, log=True)
    series = []
    for number, (line, points) in enumerate(zip(lines, shown, strict=True)):
        dots = [
            Dot(x(radius), y(100 * float(share)), f"{line.name}: {100 * share:.2g} % beyond {radius} {unit}")
            for radius, share in points
        ]
        if dots:
            series.append(Series(line.name, f"s{number % SERIES}", dots))
    told = "; ".join(one.dots[min(8, len(one.dots) - 1)].tip for one in series)
    return Chart(
        title=title,
        description=f"{title}. {told}.",
        width=_WIDTH,
        height=_HEIGHT,
        series=series,
        x_ticks=x.ticks(10),
        y_ticks=y.ticks(6),
        x_label=f"distance from the patch's middle ({unit})",
        y_label="share of |R| beyond it (%)",
    )
