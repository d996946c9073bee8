"""`l2xbench report`: tables, figures and the page of a results folder again, from its records alone."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from l2xbench.commands import screen
from l2xbench.draw.colormap import colour_map
from l2xbench.draw.drawers import Drawers
from l2xbench.report.build import build_report
from l2xbench.report.findings import write_findings
from l2xbench.report.page import Page, write_page
from l2xbench.report.superseded import remove_superseded, told
from l2xbench.run.results import all_failures, read_runs
from l2xbench.store.damage import DamagedFile
from l2xbench.store.lock import run_lock
from l2xbench.store.records import Failure
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.attribution.options import HeatmapOptions


def remake(results: Path, *, palette: str | None = None, one_file: bool | None = None) -> int:
    """Makes everything anew that is made from records; no network is loaded.

    Tables and figures of a run whose records are no longer all there are left as they are: they say more.

    Args:
        results: the folder that a run left.
        palette: the colours of maps, instead of the study's.
        one_file: whether the page holds everything, or loads it from its folder; by its size if None.

    Returns:
        the exit code: 0, or 1 where a figure could not be drawn.

    Raises:
        RequestError: it is no results folder, or there is no such palette.
    """
    if palette is not None:
        colour_map(palette)
    console = Console()
    store = Store(results)
    store.prepare()
    with (
        run_lock(results),
        screen.RunProgress(console) as progress,
        closing(Drawers()) as drawers,
    ):
        while True:
            try:
                made = make_report(store, progress, drawers, palette=palette, one_file=one_file)
                break
            except DamagedFile as error:  # it is gone, and its unit counts as missing
                progress.note(str(error))
    screen.show_paths(console, results, list(made.paths.items()))
    screen.show_page(console, made.page)
    return 1 if made.undrawn else 0


@dataclass(frozen=True)
class Remade:
    """What was made from a folder's records."""

    paths: dict[str, Path]
    """What there is to look at, and where."""
    page: Page
    undrawn: list[Failure]
    """Figures that could not be drawn, and why."""


def make_report(
    store: Store,
    progress: screen.RunProgress,
    drawers: Drawers,
    *,
    palette: str | None = None,
    one_file: bool | None = None,
) -> Remade:
    """Makes tables, figures and the page of all runs of a results folder.

    Raises:
        DamagedFile: a file of a record cannot be read; it is gone, and its unit counts as missing.
    """
    runs = [_coloured(run, palette) for run in read_runs(store)]
    failures = all_failures(runs)
    paths: dict[str, Path] = {}
    undrawn: list[Failure] = []
    for run in runs:
        if run.missing:
            progress.note(
                f"{run.name}: {run.missing} of its units have no record here (another run has taken "
                "their place, they were removed, or another version made them); its tables and figures are left "
                "as they are"
            )
        else:
            report = build_report(run, failures, progress, drawers)
            paths.update(report.paths)
            undrawn += report.undrawn
    write_findings(runs)
    if removed := remove_superseded(runs):
        progress.note(told(removed))
    return Remade(paths, write_page(runs, progress, one_file=one_file, undrawn=undrawn), undrawn)


def _coloured(run: Results, palette: str | None) -> Results:
    heatmaps = run.config.block(HeatmapOptions)
    if palette is None or heatmaps is None:
        return run
    study = run.config.with_block(heatmaps.model_copy(update={"palette": palette}))
    return replace(run, manifest=run.manifest.model_copy(update={"study": study}))
