"""From records to tables and figures; no network is run, and a figure whose records are the same is not drawn again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from l2xbench.draw.drawers import Drawers
from l2xbench.report.drawing import draw_figures
from l2xbench.report.tables import failures_table, study_tables
from l2xbench.run.progress import Progress
from l2xbench.store.records import Failure
from l2xbench.store.results import Results
from l2xbench.studies.figures import ImageSet, OwedFigure
from l2xbench.studies.registry import all_studies


def build_report(
    results: Results, failures: Iterable[Failure], progress: Progress, drawers: Drawers
) -> list[tuple[str, Path]]:
    """Writes a run's tables and figures below the results folder.

    Args:
        results: of the run.
        failures: of this run and of others that left results in the folder.
        progress: told of each figure, which takes seconds.
        drawers: processes that may draw.

    Returns:
        what there is to look at, and where.
    """
    root = results.store.root
    tables = [table for found in results.once(study_tables).values() for table in found.values()]
    for table in (*tables, failures_table(failures)):
        for ending, text in table.texts().items():
            results.store.write_text(f"tables/{table.name}.{ending}", text)
    owed = list(_owed_figures(results))
    draw_figures(results.store, owed, progress, drawers)
    shown: dict[str, list[Path]] = {}
    for figure in owed:
        if figure.shown_as:
            shown.setdefault(figure.shown_as, []).append(root / figure.files.paths["png"])
    looked_at = {name: paths[0] if len(paths) == 1 else paths[0].parent for name, paths in shown.items()}
    return [("tables", root / "tables"), *looked_at.items()]


def _owed_figures(results: Results) -> Iterator[OwedFigure]:
    images = ImageSet.of_results(results, results.shown)
    for study in all_studies():
        if study.image_figures is not None:
            yield from study.image_figures.owed(images)
        yield from study.figures(results)
