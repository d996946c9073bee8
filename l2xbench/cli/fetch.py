"""`l2xbench fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

from l2xbench.errors import RequestError

EXAMPLE = "l2xbench fetch edsr urban100 --scale 4"


def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(help="Networks and datasets: edsr, urban100, set5, ...", metavar="[NAME]")
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option("--scale", help="The scale of datasets: 2, 3 or 4; 4 by default.", min=2, max=4, metavar="N"),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="Show what can be fetched and what is here, and stop.")] = False,
) -> None:
    """Download checkpoints and datasets into L2XBENCH_HOME (~/.cache/l2xbench), each file checked against its hash.

    What is there and right is not downloaded again; an interrupted download goes on where it stopped.
    """
    from l2xbench.commands.fetch import fetch_names, list_items

    if show:
        list_items(scale)
        return
    if not names:
        raise RequestError("fetch: name a network or a dataset; `l2xbench fetch --list` shows what there is")
    raise typer.Exit(fetch_names(names, scale))
