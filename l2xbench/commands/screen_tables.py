"""Tables on a terminal or in a log: what there is no room for is left out and named, and no word is broken."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:  # not every command that shows something has pandas
    import pandas as pd

_FORMATS = {"psnr": "{:.2f}", "ssim": "{:.4f}", "di": "{:.3f}", "seconds": "{:.3g}", "completeness_error": "{:.1e}"}
_FORMATS |= {"cka": "{:.3f}", "low": "{:.3f}", "high": "{:.3f}", "p_value": "{:.3g}", "chance": "{:.3f}"}

SPARED = (
    *("identity", "weights", "memory_mb", "gflops", "control_b", "control_a", "finished", "threads", "torch"),
    *("provider", "card", "layout", "seconds"),
)
"""Columns that are left out where there is no room, the first of these first."""
FOLDED = {"folder", "file", "path", "found", "operation"}
"""Columns whose words are of no use in part: one that is too long goes on in the next line, behind a `/` or `_`."""
SENTENCE = 30
"""Letters up to which a cell is not folded at its spaces as long as another column can be left out."""
SHORTEST = 12
"""Letters to which a name may be cut where all else was in vain."""


@dataclass(frozen=True)
class _Column:
    name: str
    numeric: bool
    cells: Sequence[Text]

    @property
    def whole(self) -> int:
        """The width at which nothing is folded."""
        return max(cell_len(text) for text in (self.name, *(cell.plain for cell in self.cells)))

    @property
    def word(self) -> int:
        """The width at which no word is broken, or no part of one that may go on in the next line."""
        texts = (self.name, *(cell.plain for cell in self.cells))
        words = [word for text in texts for word in text.split()]
        parts = [part for word in words for part in _parts(word)] if self.name in FOLDED else words
        return max(map(cell_len, parts), default=0)

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


def show_rows(
    console: Console, rows: Sequence[Mapping[str, object]], title: str = "", right: Collection[str] = ()
) -> None:
    """The same of rows that have the same columns, without the half second that pandas takes to be there.

    Args:
        console: where it is shown.
        rows: column -> cell; a `Text` keeps its colours.
        title: a line above the table; none where it is empty.
        right: columns that stand right besides numbers, such as those with a unit.
    """
    columns = {
        name: name in right or all(isinstance(row[name], (int, float)) for row in rows if row[name] is not None)
        for name in rows[0]
    }
    _show(console, columns, [list(row.values()) for row in rows], title, "")


def _show(
    console: Console, numeric: Mapping[str, bool], rows: Sequence[Sequence[object]], title: str, files: str
) -> None:
    """A table, given whether each of its columns holds numbers, which stand right."""
    columns = [
        _Column(name, numeric[name], [_shown(name, row[place]) for row in rows]) for place, name in enumerate(numeric)
    ]
    if rows:
        columns = [column for column in columns if any(column.cells)]
    names = [column.name for column in columns]
    if "dataset" in names and names[1:2] in (["model"], ["model_a"]) and len({str(c) for c in columns[0].cells}) == 1:
        title = f"{title} on {columns[0].cells[0]}"
        columns = columns[1:]
    columns, left_out = _with_room(columns, console.width)
    if title:
        console.print(f"[bold]{escape(title)}[/]", soft_wrap=True, highlight=False)
    table = Table(header_style="bold", box=SIMPLE_HEAD)
    cells = []
    for column, width in zip(columns, _widths(columns, console.width), strict=True):
        is_folded = column.name in FOLDED
        table.add_column(
            escape(column.name),
            justify="right" if column.numeric else "left",
            width=width,
            overflow="fold" if is_folded else "ellipsis",
        )
        cells.append([_folded(cell, width) for cell in column.cells] if is_folded else column.cells)
    for row in zip(*cells, strict=True):
        table.add_row(*row)
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
    widths = _levelled(widths, [column.sentence for column in columns], room)
    widths = _grown(widths, [column.word for column in columns], room)
    return _levelled(widths, [column.whole for column in columns], room)


def _grown(widths: list[int], wanted: Sequence[int], room: int) -> list[int]:
    """The widths made larger, the smallest first, until each is as wanted or there is no more room."""
    widths = [*widths]
    for place in sorted(range(len(widths)), key=lambda place: wanted[place] - widths[place]):
        widths[place] += max(0, min(wanted[place] - widths[place], room - sum(widths)))
    return widths


def _levelled(widths: list[int], wanted: Sequence[int], room: int) -> list[int]:
    """The same, always the narrowest: several columns of sentences share what there is."""
    widths = [*widths]
    while sum(widths) < room:
        growing = [place for place, width in enumerate(widths) if width < wanted[place]]
        if not growing:
            break
        widths[min(growing, key=widths.__getitem__)] += 1
    return widths


def _parts(word: str) -> list[str]:
    """What a long word may be divided into: `/usr/bin` -> `/`, `usr/`, `bin`."""
    return re.findall(r"[^/_]*[/_]|[^/_]+", word)


def _folded(cell: Text, width: int) -> Text:
    """A cell in which a word that is longer than the column has lines of its own, as full as its parts allow."""
    plain = cell.plain
    if all(cell_len(word) <= width for word in plain.split()):
        return cell
    lines = [""]
    for word in plain.split():
        is_long = cell_len(word) > width
        for number, part in enumerate(_parts(word) if is_long else [word]):
            longer = f"{lines[-1]} {part}".lstrip() if number == 0 else lines[-1] + part
            if cell_len(longer) <= width and not (is_long and number == 0):
                lines[-1] = longer
            else:
                lines.append(part)
    return Text("\n".join(filter(None, lines)), cell.style)


def _shown(column: str, cell: object) -> Text:
    if isinstance(cell, Text):
        return cell
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return Text()
    if column in _FORMATS and isinstance(cell, (int, float)):
        return Text(_FORMATS[column].format(cell))
    if isinstance(cell, float):
        return Text(f"{cell:.4g}")
    return Text(f"{cell:,}" if isinstance(cell, int) else str(cell))
