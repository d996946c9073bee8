"""A network's submodules on the terminal: a tree with numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean
from typing import Literal

from rich.console import Console
from rich.text import Text

BAR = 16
"""The length of a bar of 100 %, in characters."""
SHORTEST = 6
"""They get at least so much of the terminal's width."""
LONGEST = 34
"""Longer names of branches are cut."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


@dataclass(frozen=True)
class TreeLine:
    """A line of the tree: a module, or below it what the branches that meet there bring."""

    guides: tuple[bool, ...]
    """For each level down to this one, whether it is the last of its siblings there."""
    name: str
    kind: str
    parameters: int = 0
    shares: Sequence[float] = ()
    """One for each image, 1 for all of the change; none where the module is not called itself."""
    magnitudes: Sequence[float] = ()
    branches: Sequence[tuple[str, Sequence[float]]] = ()
    """(what it is, its share for each image)."""


def show_tree(console: Console, lines: Sequence[TreeLine], *, flat: bool = False) -> None:
    """Show the lines, each module's share with a bar: green what it adds, red what it takes away.

    Where the terminal is narrow, bars are shorter and columns are left out. In a flat list the longest bar is the
    largest share there is; its heading says what a whole bar stands for.
    """
    several = any(len(line.shares) > 1 for line in lines)
    modules = [line for line in lines if not line.branches]
    widths = {
        "module": max(len(branch(line.guides)) + len(line.name) for line in modules),
        "class": max(len(line.kind) for line in modules),
        "share": 8,
        "range": 18 if several else 0,
        "magnitude": 9,
        "parameters": max(10, *(len(f"{line.parameters:,}") for line in modules)),
    }
    for left_out in ("", "class", "range", "parameters"):
        widths[left_out] = 0
        bars = console.width - sum(width + 2 for width in widths.values() if width) - 1
        if bars >= SHORTEST:
            break
    widths["module"] += min(0, bars - SHORTEST)
    shown = [column for column, width in widths.items() if width]
    length = max(SHORTEST, min(BAR, bars))

    def put(cells: dict[str, Text | str], rest: Text, style: str = "") -> None:
        text = Text(style=style)
        for column in shown:
            cell = cells.get(column, "")
            cell = cell.copy() if isinstance(cell, Text) else Text(cell, style="dim" if column != "share" else "")
            cell.truncate(widths[column], overflow="ellipsis")
            side: Literal["left", "right"] = "left" if column in ("module", "class") else "right"
            cell.align(side, widths[column])
            text.append_text(cell).append("  ")
        console.print(text.append_text(rest), no_wrap=True, overflow="crop", highlight=False)

    longest = max((abs(mean(line.shares)) for line in modules if line.shares), default=1.0)
    full = longest if flat and longest < 1 else 1.0
    put({column: Text(column) for column in shown}, Text(percent(full).rjust(length)), style="bold")
    for number, line in enumerate(lines):
        if line.branches:
            below = next((each for each in lines[number:] if not each.branches), None)
            follows = below is not None and len(below.guides) > len(line.guides)
            left = trunk(line.guides) + ("│  " if follows else "   ")
            met = ", ".join(f"{shortened(label)} {percent(mean(shares))}" for label, shares in line.branches)
            told = Text(left, style="dim").append(f"{line.kind}: {met}", style="italic cyan not dim")
            console.print(told, no_wrap=True, overflow="ellipsis", highlight=False)
            continue
        cells: dict[str, Text | str] = {
            "module": Text(branch(line.guides), style="dim").append(line.name, style="default not dim"),
            "class": line.kind,
            "parameters": f"{line.parameters:,}",
        }
        if line.shares:
            cells["share"] = percent(mean(line.shares))
            cells["range"] = f"{percent(min(line.shares))} to {percent(max(line.shares))}" if several else ""
            cells["magnitude"] = percent(mean(line.magnitudes))
        put(cells, bar(mean(line.shares) / full, length) if line.shares else Text(""))


def trunk(guides: Sequence[bool]) -> str:
    """The tree's lines left of what hangs below a module."""
    return "".join("   " if last else "│  " for last in guides)


def branch(guides: Sequence[bool]) -> str:
    """The tree's lines left of a module."""
    return trunk(guides[:-1]) + ("└─ " if guides[-1] else "├─ ") if guides else ""


def percent(share: float) -> str:
    """A share as text, as many digits as it needs.

    Examples:
        >>> percent(1.0), percent(0.03791), percent(-0.0004)
        ('100 %', '3.8 %', '-0.04 %')
    """
    if share != share:
        return "-"
    size = abs(100 * share)
    digits = 0 if size >= 99.95 else 1 if size >= 0.95 else 2
    return f"{100 * share:.{digits}f} %"


def bar(share: float, length: int) -> Text:
    """A bar, `length` characters for all of the change; one that is longer than that ends in an arrow."""
    if share != share:
        return Text("")
    eighths = round(8 * length * min(abs(share), 1))
    drawn = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip() + ("▸" if abs(share) > 1.005 else "")
    return Text(drawn, style="red" if share < 0 else "green")


def shortened(label: str) -> str:
    """A name that is not too long."""
    return label if len(label) <= LONGEST else label[: LONGEST - 1] + "…"
