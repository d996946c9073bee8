"""The tables of context ablation: what patches lose by number of hidden pixels, its mean, and how far orders lead."""

from __future__ import annotations

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.context.curves import (
    MEASURES,
    ContextCurve,
    by_network,
    context_curves,
    curve_mean,
    lead_over,
)
from l2xbench.studies.context.options import ContextOptions
from l2xbench.studies.shared.hiding import BECOMES, IMPUTATION_NOTE, orders_told
from l2xbench.studies.shared.intervals import NOTE, image_interval, image_mean
from l2xbench.studies.shared.places import patch_size, places_note
from l2xbench.words import words

KEYS = ("dataset", "model", "method", "order")
COLUMNS = (*KEYS, "hidden", *(f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")), "images")


def context_tables(results: Results) -> list[Table]:
    """`context_mean`, `context_leads` and `context`; none without records."""
    curves = results.once(context_curves)
    if not curves:
        return []
    seed, notes, lr = results.manifest.seed, context_notes(results), words(results.config.scale).lr
    loss = (
        f"how much PSNR (dB) a patch loses, and by how many grey levels it changes, as {lr} pixels around it are hidden"
    )
    leads = leads_frame(curves, seed)
    tables = [
        Table("context_mean", mean_frame(curves, seed), f"Context: {loss}; means.", notes=notes, digits=2),
        Table("context", context_frame(curves, seed), f"Context: {loss}, by their number.", notes=notes, digits=2),
    ]
    if len(leads):
        caption = "Context: how much more PSNR (dB) a patch loses in the first order than in each other one."
        tables.insert(1, Table("context_leads", leads, caption, notes=[*notes, _LEADS], digits=2))
    return tables


_LEADS = "Lead: paired by image, the mean over the numbers of hidden pixels; above 0 the first order is the truer one."


def context_frame(curves: list[ContextCurve], seed: int) -> pd.DataFrame:
    """A row an order and number of hidden pixels."""
    rows = []
    for curve in curves:
        columns = []
        for measure in MEASURES:
            values = getattr(curve, measure)
            columns += [image_mean(values), *image_interval(values, seed)]
        for place, count in enumerate(curve.hidden):
            rows.append((*_key(curve), count, *(float(column[place]) for column in columns), len(curve.images)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def mean_frame(curves: list[ContextCurve], seed: int) -> pd.DataFrame:
    """A row an order: the means over the numbers of hidden pixels."""
    rows = [
        (
            *_key(curve),
            *(number for measure in MEASURES for number in curve_mean(curve, measure, seed)),
            curve.patches,
            len(curve.images),
        )
        for curve in curves
    ]
    columns = [name for name in COLUMNS if name not in ("hidden", "images")]
    return pd.DataFrame(rows, columns=[*columns, "patches", "images"])


def leads_frame(curves: list[ContextCurve], seed: int) -> pd.DataFrame:
    """A row a network and order other than the first: how far the first leads it, in dB."""
    rows = []
    for (dataset, model), (first, *others) in by_network(curves).items():
        for other in others:
            lead = lead_over(first, other, seed)
            if lead is not None:
                rows.append((dataset, model, first.label, other.label, lead.mean, lead.low, lead.high, lead.images))
    return pd.DataFrame(rows, columns=["dataset", "model", "method", "over", "lead", "lead_low", "lead_high", "images"])


def brief(frame: pd.DataFrame) -> pd.DataFrame:
    """What fits a terminal of `context_mean`."""
    same = [name for name in ("dataset", "order") if frame[name].nunique() == 1 or not frame[name].any()]
    shown = frame.drop(columns=[*same, "change_low", "change_high", "patches", "images"])
    return shown.round(2)


def context_notes(results: Results) -> list[str]:
    """How the numbers came about, for tables and page."""
    wanted = results.config.block(ContextOptions) or ContextOptions()
    maps = results.config.block(AttributionOptions) or AttributionOptions()
    scale = results.config.scale
    size, called = patch_size(wanted.size, scale), words(scale)
    notes = [
        (
            f"Patches of {size} x {size} {called.sr} pixels, {places_note(wanted.places, scale)}; {called.lr} pixels "
            f"under a patch are never hidden. A hidden pixel becomes {BECOMES[wanted.replacement]}."
        ),
        (
            f"Orders: by the map of the patch (reference {wanted.reference or maps.reference}; lam has its own), "
            "channels summed. Controls that know no network: distance, the nearest pixels first; difference, |x - x'|; "
            f"near_difference, |x - x'| over the squared distance; random, {orders_told(wanted.random_orders)}."
        ),
        f"Means over an image's patches, then over images. {NOTE}.",
    ]
    if wanted.replacement == "road":
        notes.append(IMPUTATION_NOTE)
    notes += [f"{name}: {manifest.note}." for name, manifest in results.manifest.datasets.items() if manifest.note]
    return notes


def _key(curve: ContextCurve) -> tuple[str, str, str, str]:
    return curve.dataset, curve.model, curve.method, curve.order
