"""What the records of a run say, as tables and curves: what is written, drawn and put on the page."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.report.sanity import sanity_tables
from l2xbench.run.results import Run
from l2xbench.store.records import Failure, Record, RecordGroup, Records, record_groups
from l2xbench.store.store import Store
from l2xbench.studies.ablation.curves import Curve, make_curves
from l2xbench.studies.ablation.tables import ablation_tables
from l2xbench.studies.restoration.tables import restoration_tables
from l2xbench.studies.similarity.tables import similarity_frame, similarity_table


@dataclass(frozen=True)
class Findings:
    """A run's numbers."""

    run: Run
    shown: Records
    """The records that the run is for; with `only`, those that it needed besides are left out."""
    restoration: pd.DataFrame
    curves: list[Curve]
    """Of the ablation."""
    similarity: pd.DataFrame
    tables: dict[str, Table]
    """By name; those that have rows."""


def find(store: Store, run: Run) -> Findings:
    """Everything that a run's records say; what takes long (CKA) is kept as records of its own."""
    manifest, only = run.manifest, run.only
    shown = run.records if only is None else run.records.of_studies(only)
    notes = {name: entry["note"] for name, entry in manifest["datasets"].items() if entry["note"]}
    restoration = restoration_frame(shown, manifest)
    passes = passes_notes(manifest.get("inference", {}), manifest["study"]["models"])
    tables = [] if restoration.empty else restoration_tables(restoration, dataset_notes=notes, notes=passes)
    cost = cost_frame(shown, manifest)
    caption = "Mean seconds to super-resolve and to explain one image, and the largest completeness error."
    notes_of_cost = [f"On {run.device}.", *tile_notes(cost, shown)]
    tables.append(Table("cost", cost.drop(columns="tiled"), caption, notes=notes_of_cost))
    curves = make_curves(run.records, manifest) if only in (None, "ablation") else []
    tables += ablation_tables(curves, run.records, manifest)
    similarity = similarity_frame(store, manifest, run.records)
    if not similarity.empty:
        tables.append(similarity_table(similarity, manifest))
    tables += sanity_tables(store, shown, manifest)
    found = {table.name: table for table in tables if not table.frame.empty}
    return Findings(run, shown, restoration, curves, similarity, found)


def restoration_frame(records: Iterable[Record], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A row a dataset and network: mean PSNR (dB), SSIM, images, parameters, weights, mean seconds an image."""
    columns = ["dataset", "model", "psnr", "ssim", "images", "parameters", "weights", "seconds"]
    rows = [
        {
            "dataset": group.dataset,
            "model": group.model,
            "psnr": _numbers(group, "psnr").mean(),
            "ssim": _numbers(group, "ssim").mean(),
            "images": len(group.images),
            "parameters": group.column("parameters")[0],
            "weights": manifest["models"][group.model]["weights"],
            "seconds": _numbers(group, "seconds").mean(),
        }
        for group in record_groups(records, "restoration")
    ]
    return _in_order(pd.DataFrame(rows, columns=columns), manifest) if rows else pd.DataFrame(columns=columns)


def cost_frame(records: Iterable[Record], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A row a dataset, network and step (`inference` or a method): mean seconds, largest completeness error, images.

    `tiled` counts the images that memory was too small for, so that they were done in tiles.
    """
    columns = ["dataset", "model", "method", "seconds", "completeness_error", "images", "tiled"]
    rows = [
        {
            "dataset": group.dataset,
            "model": group.model,
            "method": group.label or "inference",
            "seconds": _numbers(group, "seconds").mean(),
            "completeness_error": _numbers(group, "completeness_error").max(),
            "images": len(group.images),
            "tiled": _tiled(group),
        }
        for group in record_groups(records, "restoration", "attribution")
    ]
    return _in_order(pd.DataFrame(rows, columns=columns), manifest) if rows else pd.DataFrame(columns=columns)


def _numbers(group: RecordGroup, name: str) -> pd.Series:
    """A column as numbers; None is no number."""
    return pd.Series(group.column(name), dtype=float)


def tile_notes(cost: pd.DataFrame, records: Iterable[Record]) -> list[str]:
    """Which results are of tiles, for want of memory: those of `cost`, and of tests of maps. No line where none is."""
    told = [
        f"{row.model} on {row.dataset}, {row.method}: {row.tiled} of {row.images}"
        for row in cost[cost["tiled"] > 0].itertuples()
    ]
    for group in record_groups(records, "ablation", "sensitivity"):
        if tiled := _tiled(group):
            told.append(
                f"{group.model} on {group.dataset}, {group.study} {group.label}: {tiled} of {len(group.images)}"
            )
    return [f"Out of memory, so done in overlapping tiles: {'; '.join(told)}."] if told else []


def passes_notes(inference: Mapping[str, list[str]], networks: Collection[str]) -> list[str]:
    """How the manifest says that networks were run, where a study asks for quicker passes, and why some were not."""
    told: dict[str, list[str]] = {}
    for model, passes in inference.items():
        for each in passes if model in networks else ():
            told.setdefault(each, []).append(model)
    return [f"Inference {passes}: {', '.join(models)}." for passes, models in told.items()]


def _tiled(group: RecordGroup) -> int:
    return sum(tile is not None for tile in group.columns.get("tile", ()))


def failures_table(failures: Iterable[Failure]) -> Table:
    """A row a failed unit."""
    frame = pd.DataFrame([asdict(f) for f in failures], columns=[field.name for field in fields(Failure)])
    return Table("failures", frame, "Units of work that failed, and why.")


def _in_order(frame: pd.DataFrame, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Rows in the study's order of datasets and networks, whatever order the units were done in."""
    places = {name: list(manifest[kind]) for name, kind in (("dataset", "datasets"), ("model", "models"))}
    keys = [frame[name].map(order.index) for name, order in places.items()]
    return frame.iloc[pd.DataFrame(keys).T.sort_values(["dataset", "model"], kind="stable").index].reset_index(
        drop=True
    )
