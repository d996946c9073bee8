"""The three files of a table: CSV with every digit, Markdown, and LaTeX as a paper prints it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pandas as pd

from l2xbench.draw.markup import latex, markdown
from l2xbench.draw.sheets import Mark, Sheet


def as_csv(frame: pd.DataFrame) -> str:
    """The frame as it is, so that it reads back; the two levels of a column's name are joined as `group/name`."""
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


def as_markdown(sheet: Sheet) -> str:
    """A table of GitHub's Markdown between its caption and its notes."""
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


def as_latex(sheet: Sheet, name: str) -> str:
    """A `table` of booktabs, labelled `tab:name`; it spans two columns of the page where it has many."""
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
