"""`l2xbench bundle`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "l2xbench bundle results/demo"


def bundle(
    results: Annotated[Path, typer.Argument(help="A results folder.", metavar="RESULTS")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The zip file; RESULTS.zip by default.", metavar="FILE"),
    ] = None,
    maps: Annotated[
        bool, typer.Option("--maps/--no-maps", help="With every attribution map as an array, most of the bytes.")
    ] = True,
) -> None:
    """Put a results folder into one zip file to be shared: page, tables, figures, manifest, records, checksums.

    `l2xbench merge` takes such files. The same folder gives the same bytes.
    """
    from l2xbench.run.manifest_files import manifest_files

    manifest_files(results)  # a folder without a run is told before anything heavy is imported
    from l2xbench.commands.bundle import make_bundle

    raise typer.Exit(make_bundle(results, out, maps=maps))
