"""Model cards on the terminal: all of them as a table, one of them whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from l2xbench.commands.screen_tables import show_rows
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.weights import State, by_hand, expected_hash, present_weights, state

_COLOURS = {State.BUNDLED: "green", State.PRESENT: "green", State.TO_FETCH: "yellow", State.LOST: "red"}


def show_models(console: Console, cards: Sequence[ModelCard]) -> None:
    """A table of cards."""
    rows = [
        {
            "name": card.name,
            "year": str(card.year or ""),
            "kind": card.kind,
            "parameters": card.parameters,
            "scale": f"x{card.scale}" if card.scale else None,
            "checkpoint": Text(where.value, style=_COLOURS.get(where, "")),
        }
        for card in cards
        for where in (state(card),)
    ]
    show_rows(console, rows, right=("scale",))
    console.print("A whole card: l2xbench models NAME. Its checkpoint: l2xbench fetch NAME.", highlight=False)


def show_card(console: Console, card: ModelCard) -> None:
    """All that a card says, and where its checkpoint is."""
    console.print(_plain(card.title), style="bold")
    rows: list[tuple[str, str]] = [("name", card.name)]
    for key, value in (("paper", card.paper), ("year", card.year), ("kind", card.kind), ("licence", card.licence)):
        rows.append((key, str(value) if value is not None else "not said"))
    if card.parameters is not None:
        rows.append(("parameters", f"{card.parameters:,}"))
    if card.scale is not None:
        rows.append(("scale", f"x{card.scale}"))
    rows.append(("input range", f"0 to {card.input_range} inside the network; callers always give 0 to 1"))
    if card.multiple > 1:
        rows.append(("sizes", f"padded to a multiple of {card.multiple}, and cropped again"))
    rows.append(("provider", f"{card.provider} ({card.module})" if card.module else card.provider))
    if card.arch:
        rows.append(("arch", _pairs(card.arch)))
    if card.published:
        figures = (f"{name} {psnr:.2f} dB / {ssim:.4f}" for name, (psnr, ssim) in card.published.items())
        rows.append(("published", "\n".join(figures)))
    if card.training:
        rows.append(("training", "\n".join(f"{key}: {_value(value)}" for key, value in card.training.items())))
    if card.notes:
        rows.append(("notes", card.notes))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="cyan")
    grid.add_column(overflow="fold")
    for name, text in rows:
        grid.add_row(name, _plain(text))
    console.print(grid)
    console.print("checkpoint", style="cyan")
    for line in _checkpoint(card):
        console.print(_plain(f"  {line}"), soft_wrap=True)  # an address that is broken cannot be copied


def _plain(text: str) -> Text:
    """A card's own words, as they are: no markup, no control sequences."""
    return Text("".join(c if c.isprintable() or c == "\n" else " " for c in text))


def _checkpoint(card: ModelCard) -> list[str]:
    where = state(card)
    lines = [where.value]
    if where is State.LOST:
        lines.append(str(card.weights_path))
    elif (path := present_weights(card)) is not None:
        lines.append(str(path))
    weights = card.weights
    if where is State.TO_FETCH:
        lines.append(f"get it with: l2xbench fetch {card.name}")
    if where is State.BY_HAND:
        lines.append(by_hand(card))
    if weights is not None and weights.url:
        lines.append(weights.url)
    elif weights is not None and weights.package:
        lines.append(f"{weights.member} in the package {weights.package}")
    elif weights is not None and weights.page and where is not State.BY_HAND:
        lines.append(weights.page)
    expected = expected_hash(card)
    if expected is not None:
        lines.append(f"SHA-256 {'' if len(expected) == 64 else 'begins with '}{expected}")
    elif weights is not None and (weights.url or weights.page):
        lines.append("SHA-256 not published")
    if weights is not None and weights.licence:
        lines.append(f"licence {weights.licence}")
    return lines


def _pairs(data: dict[str, Any]) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in data.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return _pairs(value)
    # `[6, 6, 6, 6, 6, 6]` breaks over lines better with its blanks than without
    return re.sub(r"['{}]", "", str(value))
