"""`l2xbench models`."""

from __future__ import annotations

from typing import Annotated

import typer

EXAMPLE = "l2xbench models swinir"


def models(
    name: Annotated[
        str | None, typer.Argument(help="A card's name, or its YAML; all cards by default.", metavar="[NAME]")
    ] = None,
) -> None:
    """Show the networks that have a card: what each is, what is published of it, where its checkpoint is."""
    from rich.console import Console

    from l2xbench.commands import screen_models
    from l2xbench.zoo.cards import bundled_cards, find_card, read_card

    if name is None:
        screen_models.show_models(Console(), [read_card(path) for path in bundled_cards().values()])
    else:
        screen_models.show_card(Console(), find_card(name))
