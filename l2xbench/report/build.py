"""From records to tables and figures; no network is run, and a figure whose records are the same is not drawn again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from l2xbench.draw.drawers import Drawers
from l2xbench.draw.tables import ENDINGS, Table
from l2xbench.report.drawing import draw_figures
from l2xbench.report.drawing import undrawn as not_drawn
from l2xbench.report.tables import failures_table, sources_table, study_tables
from l2xbench.run.progress import Progress
from l2xbench.store.damage import DamagedFile
from l2xbench.store.records import Failure
from l2xbench.store.results import Results
from l2xbench.studies.figures import ImageSet, OwedFigure
from l2xbench.studies.registry import all_studies


@dataclass(frozen=True)
class Report:
    """What was made of a run's records."""

    paths: list[tuple[str, Path]]
    """What there is to look at, and where."""
    undrawn: list[Failure]
    """Figures that could not be drawn, and why."""
    files: frozenset[str] | None
    """Paths below the results folder of all tables and figures that belong to the run; None where that is not known."""


def build_report(results: Results, failures: Collection[Failure], progress: Progress, drawers: Drawers) -> Report:
    """Writes a run's tables and figures below the results folder.

    Args:
        results: of the run.
        failures: of this run and of others that left results in the folder.
        progress: told of each figure, which takes seconds.
        drawers: processes that may draw.

    Returns:
        what there is to look at, and which figures could not be drawn.
    """
    root = results.store.root
    for table in (*_tables(results), failures_table(failures)):
        _write(results, table)
    owed, untold = _owed_figures(results)
    for failure in untold:
        progress.failed(failure)
    drawn = draw_figures(results.store, owed, progress, drawers)
    undrawn = untold + drawn.failures
    if undrawn:
        _write(results, failures_table([*failures, *undrawn]))
    shown: dict[str, list[Path]] = {}
    for figure in drawn.there:
        if figure.shown_as:
            shown.setdefault(figure.shown_as, []).append(root / figure.files.paths["png"])
    looked_at = {name: paths[0] if len(paths) == 1 else paths[0].parent for name, paths in shown.items()}
    files = None if untold else _files(results, owed)
    return Report([("tables", root / "tables"), *looked_at.items()], undrawn, files)


def belonging(results: Results) -> frozenset[str] | None:
    """Paths below the results folder of a run's tables and figures, there or not; None where a study cannot tell."""
    owed, untold = _owed_figures(results)
    return None if untold else _files(results, owed)


def _files(results: Results, owed: Sequence[OwedFigure]) -> frozenset[str]:
    names = [*(table.name for table in _tables(results)), failures_table([]).name]
    tables = [f"tables/{name}.{ending}" for name in names for ending in ENDINGS]
    return frozenset([*tables, *(path for figure in owed for path in figure.files.paths.values())])


def _tables(results: Results) -> list[Table]:
    tables = [table for found in results.once(study_tables).values() for table in found.values()]
    return [*tables, sources_table(results.manifest)] if results.manifest.sources else tables


def _write(results: Results, table: Table) -> None:
    for ending, text in table.texts().items():
        results.store.write_text(f"tables/{table.name}.{ending}", text)


def _owed_figures(results: Results) -> tuple[list[OwedFigure], list[Failure]]:
    """The figures of every study; one that cannot tell its own is among the failures, and the others go on."""
    images = ImageSet.of_results(results, results.shown)
    owed: list[OwedFigure] = []
    untold: list[Failure] = []
    for study in all_studies():
        try:
            if study.image_figures is not None:
                owed += study.image_figures.owed(images)
            owed += study.figures(results)
        except DamagedFile:
            raise
        except Exception as error:
            untold.append(not_drawn(f"figures of {study.name}", error))
    return owed, untold
