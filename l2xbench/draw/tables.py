"""Tables as three files (CSV with every digit, Markdown and LaTeX as a paper prints them), and as rows for the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from l2xbench.draw.sheets import Better, Cell, Sheet, make_sheet
from l2xbench.draw.table_files import as_csv, as_latex, as_markdown

__all__ = ["ENDINGS", "Better", "Cell", "Sheet", "Table"]

ENDINGS = ("csv", "md", "tex")
"""How the names of a table's files end, without the point."""


@dataclass(frozen=True)
class Table:
    """A table before it is written in any language.

    The CSV has the frame's columns in the frame's order and every digit, so that it reads back as it was. Markdown and
    LaTeX (booktabs) show PSNR to 2 digits and SSIM to 4, the best value of a column in bold and the second best
    underlined, as far as they are sure.

    Attributes:
        name: the name of its files, without ending, and of the LaTeX label.
        frame: one row a line of the table; the index is not written. Columns may have two levels (a group such as a
            dataset, then the name): the group spans its columns, and the CSV joins the two as `group/name`.
        caption: what the table shows; plain text, escaped when it is written.
        best: for each column to be marked (the name, or its last level) whether `high` or `low` is better. Values that
            print alike are marked alike.
        within: a column whose values part the rows into groups that are marked each for itself (`dataset`).
        incomparable: shaped as `frame`, true where a value must not compete; it gets a dagger, which `notes` explain.
        unsure: shaped as `frame`, true where a value is not known to be better than every lower one of its column. Such
            a value gets no mark, nor does what is second to it, nor values that print alike.
        notes: lines below the table; plain text.
        digits: after the point, of numbers that are not whole and that the name of their column does not tell; by
            default such numbers have four significant digits.
    """

    name: str
    frame: pd.DataFrame
    caption: str
    best: Mapping[str, Better] = field(default_factory=dict)
    within: str | None = None
    incomparable: pd.DataFrame | None = None
    unsure: pd.DataFrame | None = None
    notes: Sequence[str] = ()
    digits: int | None = None

    def texts(self) -> dict[str, str]:
        """The table as `csv`, `md` and `tex`."""
        sheet = self.sheet()
        texts = (as_csv(self.frame), as_markdown(sheet), as_latex(sheet, self.name))
        return dict(zip(ENDINGS, texts, strict=True))

    def sheet(self) -> Sheet:
        """The texts and marks that a reader sees."""
        return make_sheet(
            self.frame,
            self.caption,
            best=self.best,
            within=self.within,
            incomparable=self.incomparable,
            unsure=self.unsure,
            notes=self.notes,
            digits=self.digits,
        )
