"""The ablation's tables: means by ratio, and how far each order lies below random order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.manifest import Manifest
from l2xbench.store.records import Record, record_groups
from l2xbench.store.results import Results
from l2xbench.studies.ablation.curves import METRICS, NAMES, Curve, gap, make_curves, with_random
from l2xbench.studies.ablation.options import AblationOptions
from l2xbench.studies.ablation.units import RANDOM
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.shared.hiding import BECOMES, IMPUTATION_NOTE, orders_told
from l2xbench.words import words

COLUMNS = ("dataset", "model", "method", "granularity", "order", "ratio", "psnr", "ssim", "images")
_KEYS = COLUMNS[:5]


def ablation_tables(results: Results) -> list[Table]:
    """Make `ablation` (a row a ratio) and its summaries, `ablation_psnr` and `ablation_ssim`; none without records."""
    curves = results.once(make_curves)
    if not curves:
        return []
    notes = _notes(results.manifest, curves)
    called = words(results.config.scale)
    caption = f"Mean PSNR (dB) and SSIM after masking a share of the {called.lr} features (the paper's Fig. 3a)."
    tables = [Table("ablation", ablation_frame(curves), caption, notes=notes)]
    for metric, name in NAMES.items():
        summary = summary_frame(curves, results.records, metric, results.manifest.seed)
        digits = 2 if metric == "psnr" else 4
        caption = f"Mean {name} by mask ratio, and how far each order lies below random order."
        tables.append(Table(f"ablation_{metric}", summary, caption, notes=[*notes, _HOW_TO_READ], digits=digits))
    return tables


_HOW_TO_READ = (
    "Gap: random order's mean minus this order's, over images and ratios, with its 95 % interval by the bootstrap over "
    "images. Largest gap: the largest of the ratios' mean gaps, and its ratio. Area: between the two curves over the "
    "ratio, by the trapezoidal rule."
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


def brief(summary: pd.DataFrame) -> pd.DataFrame:
    """What fits a terminal: the first and the last ratio, and no column that says the same in each row."""
    orders = summary.loc[summary["method"] != RANDOM, "order"].nunique()
    same = [name for name in ("dataset", "granularity") if summary[name].nunique() == 1]
    shares = [name for name in summary.columns if name.endswith("%")]
    unshown = [*same, *shares[1:-1], "gap_low", "gap_high", "largest_gap", "largest_at", "area", "images"]
    shown = summary.drop(columns=unshown if orders > 1 else [*unshown, "order"])
    shown = shown.map(lambda value: "" if pd.isna(value) else f"{value:.2f}" if isinstance(value, float) else value)
    bounds = zip(summary["gap_low"], summary["gap_high"], strict=True)
    shown["95 %"] = ["" if pd.isna(low) else f"{low:.2f} to {high:.2f}" for low, high in bounds]
    return shown


def _notes(manifest: Manifest, curves: list[Curve]) -> list[str]:
    wanted, explained = manifest.study.block(AblationOptions), manifest.study.block(AttributionOptions)
    assert wanted is not None and explained is not None, "there are curves"
    how = (
        f"A masked feature becomes {BECOMES[wanted.replacement]}. Maps: reference {explained.reference}, target "
        f"{explained.target} (lam has its own reference). random: {orders_told(wanted.random_orders)}, the same "
        "for every network; difference: |x - x'|, which knows no network."
    )
    notes = [how]
    if wanted.replacement == "road":
        notes.append(IMPUTATION_NOTE)
    for name, dataset in manifest.datasets.items():
        counts = {len(curve.images) for curve in curves if curve.dataset == name}
        if not counts:
            continue
        said = f" ({dataset.note})" if dataset.note else ""
        how_many = str(max(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        notes.append(f"{name}: {how_many} images{said}.")
    return notes
