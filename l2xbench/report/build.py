"""From records to tables and figures; no network is run, and a figure whose records are the same is not drawn again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from l2xbench.draw.drawers import Drawers
from l2xbench.report.drawing import draw_figures
from l2xbench.report.findings import Findings, failures_table
from l2xbench.run.progress import Progress
from l2xbench.store.records import Failure
from l2xbench.store.store import Store
from l2xbench.studies.ablation.tables import ablation_figures
from l2xbench.studies.attribution.heatmaps import owed_heatmaps
from l2xbench.studies.similarity.tables import similarity_figures


def build_report(
    store: Store, findings: Findings, failures: Iterable[Failure], progress: Progress, drawers: Drawers
) -> list[tuple[str, Path]]:
    """Writes a run's tables and figures below the results folder.

    Args:
        store: where the records' files lie.
        findings: what the run's records say.
        failures: of this run and of others that left results in the folder.
        progress: told of each figure, which takes seconds.
        drawers: processes that may draw.

    Returns:
        what there is to look at, and where.
    """
    manifest = findings.run.manifest
    for table in (*findings.tables.values(), failures_table(failures)):
        for ending, text in table.texts().items():
            store.write_text(f"tables/{table.name}.{ending}", text)
    paths = [("tables", store.root / "tables")]
    heatmaps = draw_figures(store, list(owed_heatmaps(store, manifest, findings.shown)), progress, drawers)
    if heatmaps:
        paths.append(("heatmaps", heatmaps[0].parent))
    if findings.curves:
        progress.working("drawing the ablation")
        drawn = ablation_figures(store, findings.curves, findings.run.records, manifest, findings.run.device)
        paths += [("ablation", path) for path in drawn[:1]]
    paths += [(f"CKA on {name}", path) for name, path in similarity_figures(store, manifest, findings.similarity)]
    return paths
