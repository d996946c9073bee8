"""From records to tables and figures; no network is run, and a figure whose records are the same is not drawn again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pandas as pd

from l2xbench.records import Failure, Record, RecordGroup, Records, in_groups
from l2xbench.report.ablation import report_ablation
from l2xbench.report.heatmaps import HeatmapPanel, NetworkPanel, heatmap_figure, save_figure
from l2xbench.report.restoration import restoration_tables
from l2xbench.report.sanity import sanity_tables
from l2xbench.report.similarity import similarity_figures, similarity_frame, similarity_table
from l2xbench.report.tables import write_table
from l2xbench.runner import Progress, Result
from l2xbench.store import Store
from l2xbench.studies.base import Unit

HEATMAP_VERSION = 2


@dataclass(frozen=True)
class Built:
    """What there is to show."""

    restoration: pd.DataFrame
    ablation: pd.DataFrame
    """The summary of PSNR; empty where there was no ablation."""
    similarity: pd.DataFrame
    paths: list[tuple[str, Path]]


def build_report(
    store: Store, manifest: Mapping[str, Any], result: Result, progress: Progress, only: str | None = None
) -> Built:
    """Writes tables and figures below the results folder.

    Args:
        store: where the records' files lie.
        manifest: names, titles and notes, in the study's order.
        result: the records and failures.
        progress: told of each figure, which takes seconds.
        only: the one study whose tables and figures are wanted; all by default.
    """
    records = result.records if only is None else result.records.of(only)
    tables = store.root / "tables"
    notes = {name: entry["note"] for name, entry in manifest["datasets"].items() if entry["note"]}
    restoration = restoration_frame(records, manifest)
    if not restoration.empty:
        restoration_tables(restoration, tables, dataset_notes=notes)
    cost = cost_frame(records, manifest)
    if not cost.empty:
        write_table(
            cost,
            tables / "cost",
            caption="Mean seconds to super-resolve and to explain one image, and the largest completeness error.",
            notes=[f"On {manifest['device']}, {manifest['threads']} threads.", *tile_notes(records)],
        )
    progress.working("CKA")
    similarity = similarity_frame(store, manifest, result.records)
    if not similarity.empty:
        similarity_table(similarity, manifest, tables / "cka")
    write_table(failures_frame(result.failures), tables / "failures", caption="Units of work that failed, and why.")
    ablation = pd.DataFrame()
    if only in (None, "ablation"):
        ablation = report_ablation(store, list(result.records.of("restoration", "ablation")), manifest)
    sanity_tables(store, records, manifest, tables)
    heatmaps = draw_heatmaps(store, manifest, records, progress)
    paths = [("tables", tables)]
    if heatmaps:
        paths.append(("heatmaps", heatmaps[0].parent))
    if not ablation.empty:
        paths.append(("ablation", store.root / "figures/ablation.png"))
    paths += [(f"CKA on {name}", path) for name, path in similarity_figures(store, manifest, similarity)]
    return Built(restoration, ablation, similarity, paths)


def restoration_frame(records: Iterable[Record], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A row a dataset and network: mean PSNR (dB), mean SSIM, images, parameters, weights."""
    columns = ["dataset", "model", "psnr", "ssim", "images", "parameters", "weights"]
    rows = [
        {
            "dataset": group.dataset,
            "model": group.model,
            "psnr": _numbers(group, "psnr").mean(),
            "ssim": _numbers(group, "ssim").mean(),
            "images": len(group.images),
            "parameters": group.column("parameters")[0],
            "weights": manifest["models"][group.model]["weights"],
        }
        for group in in_groups(records, "restoration")
    ]
    return _in_order(pd.DataFrame(rows, columns=columns), manifest) if rows else pd.DataFrame(columns=columns)


def cost_frame(records: Iterable[Record], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A row a dataset, network and step (`inference` or a method): mean seconds, largest completeness error, images."""
    columns = ["dataset", "model", "method", "seconds", "completeness_error", "images"]
    rows = [
        {
            "dataset": group.dataset,
            "model": group.model,
            "method": group.label or "inference",
            "seconds": _numbers(group, "seconds").mean(),
            "completeness_error": _numbers(group, "completeness_error").max(),
            "images": len(group.images),
        }
        for group in in_groups(records, "restoration", "attribution")
    ]
    return _in_order(pd.DataFrame(rows, columns=columns), manifest) if rows else pd.DataFrame(columns=columns)


def _numbers(group: RecordGroup, name: str) -> pd.Series:
    """A column as numbers; None is no number."""
    return pd.Series(group.column(name), dtype=float)


def tile_notes(records: Iterable[Record]) -> list[str]:
    """Which results are of tiles, for want of memory; no line where none is."""
    told = []
    for group in in_groups(records, "restoration", "attribution", "ablation", "sensitivity"):
        tiled = sum(tile is not None for tile in group.column("tile"))
        if tiled:
            what = " ".join(part for part in (group.study, group.label) if part)
            told.append(f"{group.model} on {group.dataset}, {what}: {tiled} of {len(group.images)}")
    return [f"Out of memory, so done in overlapping tiles: {'; '.join(told)}."] if told else []


def failures_frame(failures: Iterable[Failure]) -> pd.DataFrame:
    """A row a failed unit."""
    return pd.DataFrame([asdict(f) for f in failures], columns=[field.name for field in fields(Failure)])


def _in_order(frame: pd.DataFrame, manifest: Mapping[str, Any]) -> pd.DataFrame:
    """Rows in the study's order of datasets and networks, whatever order the units were done in."""
    places = {name: list(manifest[kind]) for name, kind in (("dataset", "datasets"), ("model", "models"))}
    keys = [frame[name].map(order.index) for name, order in places.items()]
    return frame.iloc[pd.DataFrame(keys).T.sort_values(["dataset", "model"], kind="stable").index].reset_index(
        drop=True
    )


@dataclass(frozen=True)
class _Drawing:
    """A figure that is owed, and the records it is drawn from."""

    inputs: Record
    networks: list[tuple[str, Record, Record]]
    method: str


def draw_heatmaps(store: Store, manifest: Mapping[str, Any], records: Records, progress: Progress) -> list[Path]:
    """One figure an image and method (the paper's Fig. 2), as PNG and PDF; gives the PNGs' paths."""
    owed = _owed_heatmaps(manifest, records)
    if owed:
        progress.start(len(owed))
    paths = []
    for drawing in owed:
        progress.working(f"drawing {drawing.inputs.dataset} {drawing.inputs.image} {drawing.method}")
        path, reused = _heatmap(store, manifest, drawing)
        progress.advance(1, reused=reused)
        paths.append(path)
    return paths


def _owed_heatmaps(manifest: Mapping[str, Any], records: Records) -> list[_Drawing]:
    study = manifest["study"]
    if study["heatmaps"] is None or study["attribution"] is None:
        return []
    shown = records.of("inputs", "restoration", "attribution")
    found = {(r.study, r.dataset, r.image, r.model, r.label): r for r in shown}
    owed = []
    for dataset, entry in manifest["datasets"].items():
        for image in entry["images"]:
            for method in study["attribution"]["methods"]:
                inputs = found.get(("inputs", dataset, image, "", ""))
                networks = []
                for model in manifest["models"]:
                    restored = found.get(("restoration", dataset, image, model, ""))
                    explained = found.get(("attribution", dataset, image, model, method))
                    if restored is not None and explained is not None:
                        networks.append((model, restored, explained))
                if inputs is not None and networks:
                    owed.append(_Drawing(inputs, networks, method))
    return owed


def _heatmap(store: Store, manifest: Mapping[str, Any], drawing: _Drawing) -> tuple[Path, bool]:
    """Draws a figure unless it is there from the same records; its PNG, and whether it was there."""
    study = manifest["study"]
    inputs, networks, method = drawing.inputs, drawing.networks, drawing.method
    palette = study["heatmaps"]["palette"]
    label = "" if method == "l2x" else f"-{method}"
    stem = f"heatmap-{inputs.dataset}-{inputs.image}{label}"
    parts = [record.key for _, *pair in networks for record in pair]
    options = {"palette": palette, "records": parts, "names": [name for name, *_ in networks]}
    unit = Unit("heatmap", HEATMAP_VERSION, inputs.dataset, inputs.image, "", method, options)
    key = unit.key("", inputs.key)
    files = {"png": f"figures/{stem}.png", "pdf": f"figures/{stem}.pdf"}
    if store.find(unit, key) is not None:
        return store.root / files["png"], True
    panel = HeatmapPanel(
        dataset=inputs.dataset,
        image=inputs.image,
        scale=study["scale"],
        lr=store.load_image(inputs.files["lr"]),
        hr=store.load_image(inputs.files["hr"]) if "hr" in inputs.files else None,
        networks=tuple(_network_panel(store, *network) for network in networks),
        method=method,
        reference=study["attribution"]["reference"],
        target=study["attribution"]["target"],
    )
    save_figure(heatmap_figure(panel, palette=palette), store.root / "figures" / stem)
    store.keep_files(unit, key, files)
    return store.root / files["png"], False


def _network_panel(store: Store, name: str, restored: Record, explained: Record) -> NetworkPanel:
    def number(record: Record, what: str) -> float | None:
        value = record.values.get(what)
        return float(value) if isinstance(value, (int, float)) else None

    return NetworkPanel(
        name=name,
        sr=store.load_image(restored.files["sr"]),
        values=store.load_arrays(explained.files["attribution"])["values"],
        psnr=number(restored, "psnr"),
        ssim=number(restored, "ssim"),
        completeness_error=number(explained, "completeness_error"),
    )
