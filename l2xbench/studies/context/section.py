"""Context ablation's section of the page: a chart a network, what follows from it, and the tables."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from l2xbench.draw.charts import BOTTOM, LEFT, RIGHT, SERIES, TOP, Axis, Chart, Dot, Series
from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.context.figures import shown_networks
from l2xbench.studies.context.plotted import PlottedLoss, band_note, plotted_losses
from l2xbench.studies.context.units import CONTROLS, DIFFERENCE, DISTANCE, NEAR_DIFFERENCE, RANDOM
from l2xbench.studies.study import Section
from l2xbench.words import words

_WIDTH, _HEIGHT = 300.0, 190.0
_OWN = {DISTANCE: "random", DIFFERENCE: "control", NEAR_DIFFERENCE: "control", RANDOM: "control"}
"""Controls -> the name of their look in the page's style."""


def context_section(results: Results, tables: Mapping[str, Table]) -> Section:
    """What `section.html` shows, and the tables below it."""
    groups, lr = [], words(results.config.scale).lr
    for _, title, networks in shown_networks(results):
        lines = {model: plotted_losses(curves, results.manifest.seed) for model, curves in networks.items()}
        looks = page_looks(line.label for each in lines.values() for line in each)
        charts = [(model, loss_chart(model, each, lines.values(), looks, lr)) for model, each in lines.items()]
        note = band_note(next(iter(networks.values())))
        groups.append({"title": title, "charts": charts, "legend": list(looks.items()), "note": note})
    return Section(
        anchor="context",
        link="Context",
        title="Context: do the maps name the surroundings that a network uses?",
        tables=[tables[name] for name in ("context_mean", "context_leads") if name in tables],
        template=Path(__file__).parent / "section.html",
        context={"groups": groups},
    )


def page_looks(labels: Iterable[str]) -> dict[str, str]:
    """Order -> the name of its look; grey controls share one."""
    found: dict[str, str] = {}
    for label in dict.fromkeys(labels):
        number = sum(look.startswith("s") for look in found.values())
        found[label] = _OWN.get(label) or f"s{number % SERIES}"
    return found


def loss_chart(
    network: str,
    lines: Sequence[PlottedLoss],
    all_lines: Iterable[Sequence[PlottedLoss]],
    looks: Mapping[str, str],
    lr: str,
) -> Chart:
    """A network's chart; the lines of all networks decide its axes, and `lr` is what LR is called."""
    everything = [line for each in all_lines for line in each]
    ends = [float(end) for line in everything for band in (line.low, line.high, line.mean) for end in band]
    ends = [end for end in ends if math.isfinite(end)]
    low, high = min([0.0, *ends]), max(ends)
    pad = 0.05 * (high - low) or 0.5
    counts = lines[0].hidden
    x = Axis(counts[0] / 1.2, counts[-1] * 1.2, LEFT, _WIDTH - RIGHT, log=True)
    y = Axis(low - pad, high + pad, _HEIGHT - BOTTOM, TOP)
    series = []
    for line in lines:
        dots = [
            Dot(x(count), y(float(mean)), f"{line.label}, {count} hidden: {mean:.2f} dB lost")
            for count, mean in zip(line.hidden, line.mean, strict=True)
        ]
        band = "" if line.label in CONTROLS else _band(line, x, y)
        series.append(Series(line.label, looks[line.label], dots, band))
    told = "; ".join(f"{line.label} {float(line.mean[-1]):.2f} dB" for line in lines)
    return Chart(
        title=network,
        description=f"PSNR that a patch loses on {network} with {counts[-1]} {lr} pixels around it hidden: {told}.",
        width=_WIDTH,
        height=_HEIGHT,
        series=series,
        x_ticks=[(x(count), str(count)) for count in counts],
        y_ticks=y.ticks(5),
        x_label=f"hidden {lr} pixels",
        y_label="PSNR lost (dB)",
    )


def _band(line: PlottedLoss, x: Axis, y: Axis) -> str:
    ends = list(zip(line.hidden, line.low, line.high, strict=True))
    if not all(math.isfinite(float(low)) and math.isfinite(float(high)) for _, low, high in ends):
        return ""
    there = [f"{x(count):.1f},{y(float(high)):.1f}" for count, _, high in ends]
    back = [f"{x(count):.1f},{y(float(low)):.1f}" for count, low, _ in reversed(ends)]
    return "M" + "L".join([*there, *back]) + "Z"
