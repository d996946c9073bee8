"""Tables as three files (CSV with every digit, Markdown and LaTeX as a paper prints them), and as rows for the page."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from l2xbench.draw.markup import latex, markdown
from l2xbench.system.files import with_ending, write_whole

Better = Literal["high", "low"]
Mark = Literal["best", "second", ""]

_HEADERS = {
    "model": "Network",
    "model_a": "Network A",
    "model_b": "Network B",
    "psnr": "PSNR",
    "ssim": "SSIM",
    "cka": "CKA",
    "p_value": "p",
    "parameters": "Parameters",
    "seconds": "Seconds",
}
# Digits after the point, by the column's name; other numbers get four significant digits.
_DIGITS = {"psnr": 2, "ssim": 4, "cka": 3, "low": 3, "high": 3, "chance": 3, "ratio": 2, "seconds": 3}
_NOTHING = "–"
_DAGGER = "†"


@dataclass(frozen=True)
class Table:
    """A table before it is written in any language; what its parts mean, `write_table` tells."""

    name: str
    """The name of its files, without ending."""
    frame: pd.DataFrame
    caption: str
    best: Mapping[str, Better] = field(default_factory=dict)
    within: str | None = None
    incomparable: pd.DataFrame | None = None
    notes: Sequence[str] = ()
    digits: int | None = None

    def write(self, folder: Path) -> list[Path]:
        """Writes the three files; their paths."""
        return write_table(
            self.frame,
            folder / self.name,
            caption=self.caption,
            best=self.best,
            within=self.within,
            incomparable=self.incomparable,
            notes=self.notes,
            digits=self.digits,
        )

    def sheet(self) -> Sheet:
        """The texts and marks that a reader sees."""
        marks = _marks(self.frame, self.best, self.within, self.incomparable)
        return _sheet(self.frame, marks, self.incomparable, self.caption, list(self.notes), self.digits)


@dataclass(frozen=True)
class Cell:
    """What stands in a place of a table."""

    text: str
    mark: Mark = ""
    value: float | None = None
    """What numbers are sorted by; None for text and where nothing is known."""


@dataclass(frozen=True)
class Sheet:
    """A table as it will be read: texts and marks, not yet in any language."""

    groups: list[tuple[str, int]]
    """A header over several columns, and how many; empty where there is one row."""
    headers: list[str]
    numeric: list[bool]
    rows: list[list[Cell]]
    caption: str
    notes: list[str] = field(default_factory=list)


def write_table(
    frame: pd.DataFrame,
    stem: Path,
    *,
    caption: str,
    best: Mapping[str, Better] | None = None,
    within: str | None = None,
    incomparable: pd.DataFrame | None = None,
    notes: Sequence[str] = (),
    digits: int | None = None,
) -> list[Path]:
    """Write a table as `stem`.csv, `stem`.md and `stem`.tex, each whole or not at all.

    The CSV has the frame's columns in the frame's order and every digit, so that it reads back as it was.
    Markdown and LaTeX (booktabs) show PSNR to 2 digits and SSIM to 4, the best value of a column in bold and
    the second best underlined.

    Args:
        frame: one row a line of the table; the index is not written. Columns may have two levels (a group
            such as a dataset, then the name): the group spans its columns, and the CSV joins the two as
            `group/name`.
        stem: path without ending; its last part is the LaTeX label too.
        caption: what the table shows; plain text, escaped here.
        best: for each column to be marked (the name, or its last level) whether `high` or `low` is better.
            Values that print alike are marked alike.
        within: a column whose values part the rows into groups that are marked each for itself (`dataset`).
        incomparable: shaped as `frame`, true where a value must not compete; it gets a dagger, which `notes`
            explain.
        notes: lines below the table; plain text.
        digits: after the point, of numbers that are not whole and that the name of their column does not tell; by
            default such numbers have four significant digits.

    Returns:
        the three paths.
    """
    marks = _marks(frame, best or {}, within, incomparable)
    sheet = _sheet(frame, marks, incomparable, caption, list(notes), digits)
    texts = {
        ".csv": _csv(frame),
        ".md": _as_markdown(sheet),
        ".tex": _as_latex(sheet, stem.name),
    }
    return [write_whole(with_ending(stem, ending), text.encode()) for ending, text in texts.items()]


def _name(column: object) -> str:
    return str(column[-1] if isinstance(column, tuple) else column)


def _header(name: str) -> str:
    return _HEADERS.get(name, name.replace("_", " ")[:1].upper() + name.replace("_", " ")[1:])


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) or not math.isfinite(value) or float(value).is_integer()


def _shown(value: object, name: str, digits: int | None) -> str:
    """A value as it is printed; nothing known is a dash."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, Real) and math.isnan(value)):
        return _NOTHING
    if isinstance(value, bool) or not isinstance(value, Real):
        return str(value)
    number = float(value)
    if math.isinf(number):
        return "∞" if number > 0 else "−∞"
    if name in _DIGITS:
        text = f"{number:.{_DIGITS[name]}f}"
    elif digits is not None:
        text = f"{number:.{digits}f}"
    elif isinstance(value, Integral) or (number.is_integer() and abs(number) < 1e15):
        text = f"{int(number):,}"
    else:
        text = f"{number:.4g}"
    return text.replace("-", "−")


def _rank(value: object, name: str) -> float | None:
    """The number that a reader sees, which is the one to compare; None where there is none."""
    if not _is_number(value) or math.isnan(float(value)):  # type: ignore[arg-type]
        return None
    number = float(value)  # type: ignore[arg-type]
    return round(number, _DIGITS[name]) if name in _DIGITS and math.isfinite(number) else number


def _marks(
    frame: pd.DataFrame,
    best: Mapping[str, Better],
    within: str | None,
    incomparable: pd.DataFrame | None,
) -> list[list[Mark]]:
    marks: list[list[Mark]] = [[""] * frame.shape[1] for _ in range(frame.shape[0])]
    parts = [0] * len(frame) if within is None else pd.factorize(frame[within], use_na_sentinel=False)[0].tolist()
    for column, label in enumerate(frame.columns):
        better = best.get(_name(label))
        if better is None:
            continue
        for part in set(parts):
            competing: dict[int, float] = {}
            for row, value in enumerate(frame.iloc[:, column].tolist()):
                rank = _rank(value, _name(label))
                barred = incomparable is not None and bool(incomparable.iloc[row, column])
                if parts[row] == part and rank is not None and not barred:
                    competing[row] = rank
            if len(competing) < 2:
                continue  # alone is not best
            places = sorted(set(competing.values()), reverse=better == "high")
            for row, rank in competing.items():
                if rank == places[0]:
                    marks[row][column] = "best"
                elif rank == places[1]:
                    marks[row][column] = "second"
    return marks


def _sheet(
    frame: pd.DataFrame,
    marks: list[list[Mark]],
    incomparable: pd.DataFrame | None,
    caption: str,
    notes: list[str],
    digits: int | None,
) -> Sheet:
    names = [_name(label) for label in frame.columns]
    values = [frame.iloc[:, column].tolist() for column in range(frame.shape[1])]
    # a count stays a count, and a measurement that happens to be whole keeps its digits
    fractions = [any(_is_number(value) and not _is_whole(value) for value in column) for column in values]
    rows = []
    for row in range(frame.shape[0]):
        cells = []
        for column, name in enumerate(names):
            text = _shown(values[column][row], name, digits if fractions[column] else None)
            if incomparable is not None and bool(incomparable.iloc[row, column]):
                text += _DAGGER
            value = values[column][row]
            known = _is_number(value) and not math.isnan(value)
            cells.append(Cell(text, marks[row][column], float(value) if known else None))
        rows.append(cells)
    numeric = [any(_is_number(value) for value in column) for column in values]
    return Sheet(_groups(frame), [_header(name) for name in names], numeric, rows, caption, notes)


def _groups(frame: pd.DataFrame) -> list[tuple[str, int]]:
    if frame.columns.nlevels == 1 or not any(label[0] for label in frame.columns):
        return []
    groups: list[tuple[str, int]] = []
    for label in frame.columns:
        name = str(label[0])
        if groups and name and groups[-1][0] == name:
            groups[-1] = (name, groups[-1][1] + 1)
        else:
            groups.append((name, 1))
    return groups


def _csv(frame: pd.DataFrame) -> str:
    flat = frame.copy()
    flat.columns = pd.Index(
        ["/".join(str(part) for part in label if part) if isinstance(label, tuple) else str(label) for label in frame]
    )
    for name in flat.columns:
        column = flat[name]
        if pd.api.types.is_float_dtype(column) and column.isna().any() and _whole(column):
            flat[name] = column.astype("Int64")  # a count with gaps stays a count, not 1592000.0
    return flat.to_csv(index=False, lineterminator="\n")


def _whole(column: pd.Series) -> bool:
    known = column.dropna()
    return bool(len(known) and known.map(lambda value: float(value).is_integer()).all())


def _as_markdown(sheet: Sheet) -> str:
    grouped = [name for name, span in sheet.groups for _ in range(span)] or [""] * len(sheet.headers)
    headers = [
        markdown(f"{group} {header}" if group else header) for group, header in zip(grouped, sheet.headers, strict=True)
    ]
    lines = [markdown(sheet.caption), "", _markdown_row(headers)]
    lines.append(_markdown_row(["---:" if number else ":---" for number in sheet.numeric]))
    # GitHub keeps <ins>, which browsers underline, and drops <u>.
    dress: dict[Mark, Callable[[str], str]] = {
        "best": "**{}**".format,
        "second": "<ins>{}</ins>".format,
        "": str,
    }
    lines += [_markdown_row([dress[cell.mark](markdown(cell.text)) for cell in row]) for row in sheet.rows]
    for note in sheet.notes:
        lines += ["", markdown(note)]
    return "\n".join(lines) + "\n"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _as_latex(sheet: Sheet, name: str) -> str:
    # More than eight columns do not fit a column of a two-column page.
    environment = "table*" if len(sheet.headers) > 8 else "table"
    lines = [
        r"% needs \usepackage{booktabs} and a document in UTF-8",
        rf"\begin{{{environment}}}[t]",
        r"  \centering",
        r"  \small",
        rf"  \caption{{{latex(sheet.caption)}}}",
        rf"  \label{{tab:{re.sub(r'[^A-Za-z0-9-]+', '-', name)}}}",
        rf"  \begin{{tabular}}{{{''.join('r' if number else 'l' for number in sheet.numeric)}}}",
        r"    \toprule",
    ]
    if sheet.groups:
        heads, rules, first = [], [], 1
        for group, span in sheet.groups:
            heads.append(rf"\multicolumn{{{span}}}{{c}}{{{latex(group)}}}" if group else "")
            if group:
                rules.append(rf"\cmidrule(lr){{{first}-{first + span - 1}}}")
            first += span
        lines += [f"    {' & '.join(heads)} \\\\", f"    {' '.join(rules)}"]
    lines += [f"    {' & '.join(latex(header) for header in sheet.headers)} \\\\", r"    \midrule"]
    dress: dict[Mark, Callable[[str], str]] = {
        "best": r"\textbf{{{}}}".format,
        "second": r"\underline{{{}}}".format,
        "": str,
    }
    for row in sheet.rows:
        lines.append(f"    {' & '.join(dress[cell.mark](latex(cell.text)) for cell in row)} \\\\")
    lines += [r"    \bottomrule", r"  \end{tabular}"]
    for note in sheet.notes:
        lines.append(rf"  \par\smallskip{{\footnotesize {latex(note)}}}")
    lines.append(rf"\end{{{environment}}}")
    return "\n".join(lines) + "\n"
