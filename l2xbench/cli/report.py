"""`l2xbench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "l2xbench report results/demo --palette blue-orange"


def report(
    results: Annotated[Path, typer.Argument(help="A results folder.", metavar="RESULTS")],
    palette: Annotated[
        str | None,
        typer.Option("--palette", help="green-red or blue-orange; the study's by default.", metavar="NAME"),
    ] = None,
    one_file: Annotated[
        bool | None,
        typer.Option("--one-file/--folder", help="The page whole, or loading images from its folder; by its size."),
    ] = None,
) -> None:
    """Make tables, figures and report.html of a results folder again, from its records alone: no network is run."""
    from l2xbench.run.manifest_files import manifest_files

    manifest_files(results)  # a folder without a run is told before pandas and matplotlib are imported
    from l2xbench.commands.report import remake

    raise typer.Exit(remake(results, palette=palette, one_file=one_file))
