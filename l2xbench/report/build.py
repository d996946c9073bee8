"""From records to tables and figures; no network is run, and a figure whose records are the same is not drawn again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from l2xbench.records import Failure, Records
from l2xbench.report.ablation import ablation_figures
from l2xbench.report.findings import Findings, failures_table
from l2xbench.report.heatmaps import heatmap_figure, save_figure
from l2xbench.report.pictures import ImageRecords, Pictures, image_records
from l2xbench.report.similarity import similarity_figures
from l2xbench.runner import Progress
from l2xbench.store import Store
from l2xbench.studies.base import Unit

HEATMAP_VERSION = 3


def build_report(
    store: Store, findings: Findings, failures: Iterable[Failure], progress: Progress
) -> list[tuple[str, Path]]:
    """Writes a run's tables and figures below the results folder.

    Args:
        store: where the records' files lie.
        findings: what the run's records say.
        failures: of this run and of others that left results in the folder.
        progress: told of each figure, which takes seconds.

    Returns:
        what there is to look at, and where.
    """
    manifest = findings.run.manifest
    folder = store.root / "tables"
    for table in (*findings.tables.values(), failures_table(failures)):
        table.write(folder)
    paths = [("tables", folder)]
    heatmaps = draw_heatmaps(store, manifest, findings.shown, progress)
    if heatmaps:
        paths.append(("heatmaps", heatmaps[0].parent))
    if findings.curves:
        progress.working("drawing the ablation")
        drawn = ablation_figures(store, findings.curves, findings.run.records, manifest, findings.run.device)
        paths += [("ablation", path) for path in drawn[:1]]
    paths += [(f"CKA on {name}", path) for name, path in similarity_figures(store, manifest, findings.similarity)]
    return paths


def draw_heatmaps(store: Store, manifest: Mapping[str, Any], records: Records, progress: Progress) -> list[Path]:
    """One figure an image and method (the paper's Fig. 2), as PNG and PDF; gives the PNGs' paths."""
    study = manifest["study"]
    if study["heatmaps"] is None or study["attribution"] is None:
        return []
    # controls have maps too, but none was asked to be seen
    methods = study["attribution"]["methods"]
    owed = [(of, method) for of in image_records(manifest, records) for method in methods if method in of.explained]
    if owed:
        progress.start(len(owed))
    paths = []
    for of, method in owed:
        progress.working(f"drawing {of.inputs.dataset} {of.inputs.image} {method}")
        path, reused = _heatmap(store, manifest, of, method)
        progress.advance(1, reused=reused)
        paths.append(path)
    return paths


def _heatmap(store: Store, manifest: Mapping[str, Any], of: ImageRecords, method: str) -> tuple[Path, bool]:
    """Draws a figure unless it is there from the same records; its PNG, and whether it was there."""
    options = manifest["study"]["heatmaps"]
    inputs, explained = of.inputs, of.explained[method]
    label = "" if method == "l2x" else f"-{method}"
    stem = f"heatmap-{inputs.dataset}-{inputs.image}{label}"
    parts = [record.key for name in explained for record in (of.restored[name], explained[name])]
    deciding = {**options, "records": parts, "names": list(explained)}
    unit = Unit("heatmap", HEATMAP_VERSION, inputs.dataset, inputs.image, "", method, deciding)
    key = unit.key("", inputs.key)
    files = {"png": f"figures/{stem}.png", "pdf": f"figures/{stem}.pdf"}
    if store.find(unit, key) is not None:
        return store.root / files["png"], True
    panel = Pictures(store, manifest, of).panel(method, zoomed=True)
    save_figure(heatmap_figure(panel, palette=options["palette"]), store.root / "figures" / stem)
    store.keep_files(unit, key, files)
    return store.root / files["png"], False
