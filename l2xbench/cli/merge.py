"""`l2xbench merge`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = "l2xbench merge results/demo other-lab.zip --out results/both"


def merge(
    places: Annotated[
        list[Path], typer.Argument(help="Results folders, and bundles of `l2xbench bundle`.", metavar="RESULTS")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The new folder; results/<study>-merged by default.", metavar="FOLDER"),
    ] = None,
) -> None:
    """Join results of the same study that were made elsewhere for other networks: tables, figures and page anew.

    What was measured otherwise is refused: other options, other images, other weights under one name.
    `tables/sources` says which network was measured where. No network is run.
    """
    from l2xbench.commands.merge import merge_results

    raise typer.Exit(merge_results(places, out))
