"""The ablation's tables and figures, from records: the paper's Fig. 3(a) and what it takes to trust it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from l2xbench.draw.style import figure_bytes
from l2xbench.draw.tables import Table
from l2xbench.store.derived import DerivedFiles, figure_paths, make_unless_kept
from l2xbench.store.records import Record, record_groups, records_of_studies
from l2xbench.store.store import Store
from l2xbench.studies.ablation.cost_figure import cost_figure, cost_spots
from l2xbench.studies.ablation.curves import METRICS, NAMES, RANDOM, Curve, gap, with_random
from l2xbench.studies.ablation.figures import ablation_figure, methods_figure

COLUMNS = ("dataset", "model", "method", "granularity", "order", "ratio", "psnr", "ssim", "images")
FIGURES_VERSION = 2
_KEYS = COLUMNS[:5]


def ablation_tables(curves: list[Curve], records: Iterable[Record], manifest: Mapping[str, Any]) -> list[Table]:
    """Make `ablation` (a row a ratio) and its summaries, `ablation_psnr` and `ablation_ssim`.

    Args:
        curves: none give no tables.
        records: of the study `restoration`, for what the networks give unmasked.
        manifest: the study, its order of datasets and networks, its seed.
    """
    if not curves:
        return []
    notes = _notes(manifest, curves)
    caption = "Mean PSNR (dB) and SSIM after masking a share of the LR features (the paper's Fig. 3a)."
    tables = [Table("ablation", ablation_frame(curves), caption, notes=notes)]
    for metric, name in NAMES.items():
        summary = summary_frame(curves, records, metric, manifest["seed"])
        digits = 2 if metric == "psnr" else 4
        caption = f"Mean {name} by mask ratio, and how far each order lies below random order."
        tables.append(Table(f"ablation_{metric}", summary, caption, notes=[*notes, _HOW_TO_READ], digits=digits))
    return tables


_HOW_TO_READ = (
    "Gap: random order's mean minus this order's, over images and ratios, with its 95 % interval by the bootstrap over "
    "images (2,000 resamples). Largest gap: the largest of the ratios' mean gaps, and its ratio. Area: between the two "
    "curves over the ratio, by the trapezoidal rule."
)


def ablation_frame(curves: Iterable[Curve]) -> pd.DataFrame:
    """A row a curve and ratio; the spreads are standard deviations between random orders, each a mean over images."""
    rows = []
    for curve in curves:
        means = {metric: curve.mean(metric) for metric in METRICS}
        several = curve.method == RANDOM and len(curve.by_order("psnr")) > 1
        for place, ratio in enumerate(curve.ratios):
            row: dict[str, Any] = {name: getattr(curve, name) for name in _KEYS}
            row["ratio"] = ratio
            row |= {metric: means[metric][place] for metric in METRICS}
            row["images"] = len(curve.images)
            for metric in METRICS:
                row[f"{metric}_spread"] = curve.by_order(metric)[:, place].std(ddof=1) if several else None
            rows.append(row)
    frame = pd.DataFrame(rows)
    return frame.astype({f"{metric}_spread": float for metric in METRICS})


def summary_frame(curves: list[Curve], records: Iterable[Record], metric: str, seed: int) -> pd.DataFrame:
    """A row a curve: the metric unmasked and at each ratio, and the gap to random order."""
    unmasked = {
        (group.dataset, group.model, image): value
        for group in record_groups(records, "restoration")
        for image, value in zip(group.images, group.numbers(metric), strict=True)
        if value is not None
    }
    rows = []
    for curve, random in with_random(curves):
        row: dict[str, Any] = {name: getattr(curve, name) for name in _KEYS}
        whole = [unmasked.get((curve.dataset, curve.model, image)) for image in curve.images]
        row["unmasked"] = np.nan if None in whole else np.mean(np.array(whole, float))
        row |= dict(zip(map(percent, curve.ratios), curve.mean(metric), strict=True))
        below = None if random is None or random is curve else gap(curve, random, metric, seed)
        row["gap"] = below.mean if below else np.nan
        row["gap_low"], row["gap_high"] = below.interval if below else (np.nan, np.nan)
        row["largest_gap"] = below.largest if below else np.nan
        row["largest_at"] = percent(below.at) if below else ""
        row["area"] = below.area if below else np.nan
        row["images"] = below.images if below else len(curve.images)
        rows.append(row)
    return pd.DataFrame(rows)


def percent(ratio: float) -> str:
    """0.05 as `5%`."""
    return f"{100 * ratio:.4g}%"


def _notes(manifest: Mapping[str, Any], curves: list[Curve]) -> list[str]:
    study = manifest["study"]
    wanted, explained = study["ablation"], study["attribution"]
    becomes = {"mean": "the channel's mean over the image", "reference": "the reference", "black": "0"}
    how = (
        f"A masked feature becomes {becomes[wanted['replacement']]}. Maps: reference {explained['reference']}, target "
        f"{explained['target']} (lam has its own reference). random: {wanted['random_orders']} random orders, the same "
        "for every network; difference: |x - x'|, which knows no network."
    )
    notes = [how]
    for name, entry in manifest["datasets"].items():
        counts = {len(curve.images) for curve in curves if curve.dataset == name}
        if not counts:
            continue
        said = f" ({entry['note']})" if entry["note"] else ""
        how_many = str(max(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        notes.append(f"{name}: {how_many} images{said}.")
    return notes


def groups(curves: list[Curve], manifest: Mapping[str, Any]) -> Iterator[tuple[str, str, list[Curve]]]:
    """Curves that belong in one figure (a dataset, granularity and order, with random order's): suffix, title, curves.

    The first of each has the plain name.
    """
    wanted = manifest["study"]["ablation"]
    datasets = list(dict.fromkeys(curve.dataset for curve in curves))
    for dataset in datasets:
        for granularity in wanted["granularity"]:
            for order in wanted["order"]:
                shown = [
                    curve
                    for curve in curves
                    if (curve.dataset, curve.granularity) == (dataset, granularity) and curve.order in (order, RANDOM)
                ]
                if not any(curve.method != RANDOM for curve in shown):
                    continue
                places = [(dataset, datasets), (granularity, wanted["granularity"]), (order, wanted["order"])]
                suffix = "".join(f"-{name}" for name, names in places if name != names[0])
                count = max(len(curve.images) for curve in shown)
                title = f"{dataset} ({count} image{'' if count == 1 else 's'}), {granularity}s, {order} order"
                yield suffix, title, shown


def ablation_figures(
    store: Store, curves: list[Curve], records: Iterable[Record], manifest: Mapping[str, Any], device: str
) -> list[Path]:
    """Draw `figures/ablation*` and `figures/cost-faithfulness*`; a figure of the same records is not drawn again.

    Args:
        store: where they go.
        curves: of all datasets, granularities and orders.
        records: of the studies `ablation`, and `attribution` for what the maps cost.
        manifest: the study, its order of datasets and networks, its seed.
        device: where that was measured.

    Returns:
        the PNGs' paths.
    """
    ablated = [record.key for record in records_of_studies(records, "ablation")]
    paths = []
    for suffix, title, shown in groups(curves, manifest):
        methods = manifest["study"]["ablation"]["methods"] or manifest["study"]["attribution"]["methods"]
        seed = manifest["seed"]
        options = {"models": list(manifest["models"]), "method": methods[0], "seed": seed, "title": title}
        options["records"] = ablated
        dataset = shown[0].dataset
        draw = partial(ablation_figure, shown, methods[0], title, seed)
        paths.append(_keep_figure(store, f"ablation{suffix}", dataset, options, draw))
        if any(curve.method == RANDOM for curve in shown):
            draw = partial(methods_figure, shown, title, seed)
            paths.append(_keep_figure(store, f"ablation-methods{suffix}", dataset, options, draw))
        spots = cost_spots(shown, records, seed)
        if spots:
            options |= {"spots": [(s.method, s.model, s.seconds, s.gap, *s.interval) for s in spots]}
            options["device"] = device
            draw = partial(cost_figure, spots, title, device)
            paths.append(_keep_figure(store, f"cost-faithfulness{suffix}", dataset, options, draw))
    return paths


def _keep_figure(store: Store, name: str, dataset: str, options: Mapping[str, Any], draw: Callable[[], Figure]) -> Path:
    files = DerivedFiles("figure", FIGURES_VERSION, name, figure_paths(name), options, dataset)
    record = make_unless_kept(store, files, lambda: figure_bytes(draw()))
    return store.root / record.files["png"]
