"""A table as it will be read: texts, and which of them are the best; not yet in any language."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, Literal

import pandas as pd

Better = Literal["high", "low"]
Mark = Literal["best", "second", ""]

# The header of a column, by its name; other names are their own words
_HEADERS = {
    "l2xbench": "l2xbench",
    "model": "Network",
    "model_a": "Network A",
    "model_b": "Network B",
    "p_value": "p",
    "p_holm": "p (Holm)",
}
_CAPITALS = {"psnr": "PSNR", "ssim": "SSIM", "cka": "CKA", "dcka": "dCKA", "di": "DI", "gflops": "GFLOPs", "mb": "(MB)"}
# Digits after the point, by the column's name; other numbers get four significant digits.
_DIGITS = {
    "rank": 2,
    "rank_a": 2,
    "rank_b": 2,
    "critical_difference": 2,
    "psnr": 2,
    "ssim": 4,
    "cka": 3,
    "di": 3,
    "low": 3,
    "high": 3,
    "chance": 3,
    "ratio": 2,
    "seconds": 3,
}
_NOTHING = "–"
_DAGGER = "†"


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


def _name(column: object) -> str:
    return str(column[-1] if isinstance(column, tuple) else column)


def _header(name: str) -> str:
    words = " ".join(_CAPITALS.get(word, word) for word in name.split("_"))
    first = words if name.split("_")[0] in _CAPITALS else words[:1].upper() + words[1:]
    return _HEADERS.get(name, first)


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
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]  # what is printed as 0 has no sign
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
    unsure: pd.DataFrame | None,
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
            names: tuple[Mark, Mark] = ("best", "second")
            for place, mark in zip(places, names, strict=False):
                rows = [row for row, rank in competing.items() if rank == place]
                if unsure is not None and (len(rows) > 1 or bool(unsure.iloc[rows[0], column])):
                    break
                for row in rows:
                    marks[row][column] = mark
    return marks


def make_sheet(
    frame: pd.DataFrame,
    caption: str,
    *,
    best: Mapping[str, Better],
    within: str | None,
    incomparable: pd.DataFrame | None,
    unsure: pd.DataFrame | None,
    notes: Sequence[str],
    digits: int | None,
) -> Sheet:
    """The sheet of a table; what the arguments mean, `tables.Table` tells."""
    marks = _marks(frame, best, within, incomparable, unsure)
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
    return Sheet(_groups(frame), [_header(name) for name in names], numeric, rows, caption, list(notes))


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
