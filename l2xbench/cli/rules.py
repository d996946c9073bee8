"""`l2xbench rules`."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "l2xbench rules pow"


def rules(
    operation: Annotated[
        str | None,
        typer.Argument(help="An operation of PyTorch: pow, torch.pow, aten::pow; all by default.", metavar="[OP]"),
    ] = None,
) -> None:
    """How differences pass through PyTorch's operations: the rules that make a map sum to the network's change.

    With OP: its rules in order of precedence, each with its formula, its source, and the arguments it holds for.
    """
    from rich.console import Console

    from l2xbench.commands import rules as listing

    if operation is None:
        listing.show_rules(Console())
    else:
        listing.show_operation(Console(), operation)
