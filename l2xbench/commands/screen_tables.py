"""Tables on a terminal or in a log: what there is no room for is left out and named, and no word is broken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:  # not every command that shows something has pandas
    import pandas as pd

_FORMATS = {"psnr": "{:.2f}", "ssim": "{:.4f}", "di": "{:.3f}", "seconds": "{:.3g}", "completeness_error": "{:.1e}"}
_FORMATS |= {"cka": "{:.3f}", "low": "{:.3f}", "high": "{:.3f}", "p_value": "{:.3g}", "chance": "{:.3f}"}

SPARED = (
    *("identity", "weights", "memory_mb", "gflops", "control_b", "control_a", "finished", "threads", "torch"),
    *("provider", "card", "layout", "seconds"),
)
"""Columns that are left out where there is no room, the first of these first."""
PATHS = {"folder", "file", "path"}
"""Columns whose cells are of no use in part: they go on in the next line."""
SENTENCE = 30
"""Letters up to which a cell is not folded at its spaces as long as another column can be left out."""
SHORTEST = 12
"""Letters to which a name may be cut where all else was in vain."""


@dataclass(frozen=True)
class _Column:
    name: str
    numeric: bool
    cells: Sequence[str]

    @property
    def whole(self) -> int:
        """The width at which nothing is folded."""
        return max(cell_len(text) for text in (self.name, *self.cells))

    @property
    def word(self) -> int:
        """The width at which no word is broken."""
        cells = () if self.name in PATHS else self.cells
        return max(cell_len(word) for text in (self.name, *cells) for word in text.split() or [""])

    @property
    def sentence(self) -> int:
        """The width that all but long sentences need."""
        return min(self.whole, SENTENCE)

    @property
    def comfortable(self) -> int:
        """The width that it should have: sentences may be folded, words not."""
        return max(self.word, self.sentence)


def show_table(console: Console, frame: pd.DataFrame, title: str, files: str = "") -> None:
    """A table of results; numbers right, text left.

    Args:
        console: where it is shown.
        frame: the table.
        title: a line above it; the dataset is told there where there is but one.
        files: what to name for the columns that find no room: where the whole table lies.
    """
    from pandas.api.types import is_numeric_dtype

    columns = {str(column): is_numeric_dtype(frame[column]) for column in frame.columns}
    _show(console, columns, list(frame.itertuples(index=False)), title, files)


def show_rows(console: Console, rows: Sequence[Mapping[str, object]], title: str) -> None:
    """The same of rows that have the same columns, without the half second that pandas takes to be there."""
    columns = {
        name: all(isinstance(row[name], (int, float)) for row in rows if row[name] is not None) for name in rows[0]
    }
    _show(console, columns, [list(row.values()) for row in rows], title, "")


def _show(
    console: Console, numeric: Mapping[str, bool], rows: Sequence[Sequence[object]], title: str, files: str
) -> None:
    """A table, given whether each of its columns holds numbers."""
    columns = [
        _Column(name, numeric[name], [_shown(name, row[place]) for row in rows]) for place, name in enumerate(numeric)
    ]
    if rows:
        columns = [column for column in columns if any(column.cells)]
    names = [column.name for column in columns]
    if "dataset" in names and names[1:2] in (["model"], ["model_a"]) and len(set(columns[0].cells)) == 1:
        title = f"{title} on {columns[0].cells[0]}"
        columns = columns[1:]
    columns, left_out = _with_room(columns, console.width)
    console.print(f"[bold]{escape(title)}[/]", soft_wrap=True, highlight=False)
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    for column, width in zip(columns, _widths(columns, console.width), strict=True):
        table.add_column(
            escape(column.name),
            justify="right" if column.numeric else "left",
            width=width,
            overflow="fold" if column.name in PATHS else "ellipsis",
        )
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(escape, row))
    console.print(table)
    if left_out:
        where = f"see {files}" if files else "they need a wider terminal"
        console.print(
            f"no room for {', '.join(left_out)}: {where}", style="dim", markup=False, highlight=False, soft_wrap=True
        )


def _room(columns: Sequence[_Column], width: int) -> int:
    """The letters that cells may have together, without what stands between and around them."""
    return width - 3 * len(columns) - 1


def _with_room(columns: list[_Column], width: int) -> tuple[list[_Column], list[str]]:
    """The columns that are shown, and the names of those that are left out."""
    left_out: list[str] = []
    for name in SPARED:
        if sum(column.comfortable for column in columns) <= _room(columns, width):
            break
        kept = [column for column in columns if column.name != name]
        if 1 < len(kept) < len(columns):
            left_out.append(name)
            columns = kept
    return columns, left_out


def _widths(columns: Sequence[_Column], width: int) -> list[int]:
    """Each column's width: what most cells need comes first, then the longest names, then sentences in one line."""
    room = _room(columns, width)
    widths = [min(column.word, SHORTEST) for column in columns]
    widths = _grown(widths, [min(column.word, SENTENCE) for column in columns], room)
    widths = _grown(widths, [column.sentence for column in columns], room)
    widths = _grown(widths, [column.word for column in columns], room)
    return _grown(widths, [column.whole for column in columns], room)


def _grown(widths: list[int], wanted: Sequence[int], room: int) -> list[int]:
    """The widths made larger, the smallest first, until each is as wanted or there is no more room."""
    widths = [*widths]
    for place in sorted(range(len(widths)), key=lambda place: wanted[place] - widths[place]):
        widths[place] += max(0, min(wanted[place] - widths[place], room - sum(widths)))
    return widths


def _shown(column: str, cell: object) -> str:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return ""
    if column in _FORMATS and isinstance(cell, (int, float)):
        return _FORMATS[column].format(cell)
    if isinstance(cell, float):
        return f"{cell:.4g}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
