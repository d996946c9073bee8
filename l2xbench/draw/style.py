"""The one place for the sizes, fonts and colours of every figure, and for how a figure is saved.

Figures are drawn at their printed size (a column of 8.5 cm or a page of 17.5 cm), so that a point here is a
point on paper and nothing is scaled afterwards. Nothing here touches matplotlib's global state for longer
than a call.
"""

from __future__ import annotations

import importlib
import io
import math
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import lru_cache
from typing import TypeVar

import matplotlib
from cycler import cycler
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path
from matplotlib.ticker import LogLocator

Number = TypeVar("Number", int, float)

COLUMN_CM = 8.5
PAGE_CM = 17.5
PAGE_HEIGHT_CM = 21.0  # what a caption leaves of an A4 or letter page
CM_PER_INCH = 2.54
POINTS_PER_CM = 72 / CM_PER_INCH
DPI = 300
SCREEN_DPI = 150  # in a notebook

# Points. Below 6 pt a reader of the printed page gives up.
TEXT_PT = 7.0
SMALL_PT = 6.0
LINE_SPACING = 1.2

INK = "#1a1a1a"
FAINT = "#8c8c8c"
MARK = "#ffcc00"  # a target drawn on a photograph
# Okabe and Ito's colours (yellow left out: it vanishes on white), told apart with any common colour
# blindness.
SERIES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000")

# For a number from 0 to 1: one hue that darkens evenly, so that grey print and colour blindness keep the order.
SHADES = ("#f7fbff", "#c6dcee", "#7fb5d9", "#3a86bd", "#0b559f", "#08306b")

# DejaVu Sans comes with matplotlib: the same bytes on every machine.
FONT = "DejaVu Sans"


# A name in a script that the font lacks is drawn as boxes; the page, whose fonts are the reader's, has it.
warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from", category=UserWarning)


def context() -> AbstractContextManager[None]:
    """Matplotlib's settings for a figure of ours; enter it to draw and to save."""
    return matplotlib.rc_context(
        {
            "font.family": [FONT],
            "font.size": TEXT_PT,
            "axes.titlesize": TEXT_PT,
            "axes.labelsize": TEXT_PT,
            "axes.labelcolor": INK,
            "axes.edgecolor": INK,
            "axes.linewidth": 0.5,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.prop_cycle": cycler(color=SERIES),
            "xtick.labelsize": SMALL_PT,
            "ytick.labelsize": SMALL_PT,
            "xtick.color": INK,
            "ytick.color": INK,
            "xtick.major.width": 0.5,
            "ytick.major.width": 0.5,
            "xtick.major.size": 2.0,
            "ytick.major.size": 2.0,
            "legend.fontsize": SMALL_PT,
            "legend.frameon": False,
            "lines.linewidth": 1.0,
            "text.color": INK,
            "text.usetex": False,
            "text.parse_math": False,  # a `$` in the name of a network is a dollar sign
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "pdf.fonttype": 42,  # TrueType: the text can be searched, copied and edited
            "pdf.compression": 6,
            "axes.unicode_minus": True,
        }
    )


class NotebookFigure(Figure):
    """A figure that a notebook shows though pyplot, which would see to it, was never imported."""

    def _repr_png_(self) -> bytes:
        made = io.BytesIO()
        with context():
            self.savefig(made, format="png", dpi=SCREEN_DPI)
        return made.getvalue()


def new_figure(width_cm: float, height_cm: float) -> Figure:
    """An empty figure of that printed size, on its own Agg canvas: no pyplot, no window, safe in threads."""
    figure = NotebookFigure(figsize=(width_cm / CM_PER_INCH, height_cm / CM_PER_INCH), dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def get_ready() -> None:
    """Loads what a figure is saved with, a third of a second: for a thread, while a network is at work."""
    importlib.import_module("matplotlib.backends.backend_pdf")


def legend_at_left(
    figure: Figure, handles: Sequence[Artist], top: float, columns: int, *, handle: float = 2.2, gap: float = 1.2
) -> None:
    """A legend of so many columns at a figure's left edge, `top` (from 0 at its foot to 1) being its upper edge.

    `handle` is the length of a line or the room of a dot, `gap` that between columns, in letters.
    """
    figure.legend(
        handles=list(handles),
        loc="upper left",
        bbox_to_anchor=(0.0, top),
        ncols=columns,
        borderaxespad=0.3,
        handlelength=handle,
        handletextpad=handle / 3,
        columnspacing=gap,
    )


def figure_bytes(figure: Figure) -> dict[str, bytes]:
    """A figure as PNG and as PDF, by these endings; the same figure gives the same bytes.

    The PDF holds real text and vector lines; pictures lie in it at 300 dots per inch of the printed size, as in the
    PNG. Neither carries a date. It may be called in another process than the one that writes.
    """
    png, pdf = io.BytesIO(), io.BytesIO()
    with context():
        # Level 4 takes 60 % of the default's time for 1 % more bytes.
        figure.savefig(png, format="png", dpi=DPI, metadata={"Software": None}, pil_kwargs={"compress_level": 4})
        figure.savefig(pdf, format="pdf", dpi=DPI, metadata={"CreationDate": None})
    return {"png": png.getvalue(), "pdf": pdf.getvalue()}


def log_locator(low: float, high: float) -> LogLocator:
    """Ticks for a logarithmic axis from `low` to `high`: powers of ten, with 2 and 5 between where those are few."""
    return LogLocator(subs=(1.0, 2.0, 5.0) if math.log10(high / low) < 1.2 else (1.0,))


def thinned(values: Sequence[Number], most: int) -> list[Number]:
    """At most so many of some numbers, evenly, the last among them: the ticks of an axis that has no room for all.

    Examples:
        >>> thinned([5, 10, 15, 20, 40], 3)
        [5, 15, 40]
    """
    return list(values[::-1][:: math.ceil(len(values) / most)][::-1])


@lru_cache(maxsize=4096)
def text_width(text: str, size: float) -> float:
    """Width of one line in points."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, FontProperties(family=[FONT], size=size), False)
    return float(width)


def fit(text: str, width: float, *, size: float, lines: int = 1) -> str:
    """Break `text` into at most `lines` lines of `width` points; what is too long still loses its middle.

    Breaks fall after a space, `-`, `_`, `/` or `+` where there is one. The end of a name stays: it tells
    variants of a network or an image apart.
    """
    text = " ".join(text.split())
    broken: list[str] = []
    rest = text
    while rest and len(broken) < lines - 1 and text_width(rest, size) > width:
        longest = _longest_prefix(rest, width, size)
        cuts = [i for i in range(1, longest + 1) if rest[i - 1] in " -_/+"]
        cut = cuts[-1] if cuts and cuts[-1] >= longest / 3 else longest
        broken.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    broken.append(_without_middle(rest, width, size))
    return "\n".join(broken)


def _longest_prefix(text: str, width: float, size: float) -> int:
    length = len(text)
    while length > 1 and text_width(text[:length], size) > width:
        length -= 1
    return length


def _without_middle(text: str, width: float, size: float) -> str:
    if text_width(text, size) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        head = (kept + 1) // 2
        shorter = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if text_width(shorter, size) <= width:
            return shorter
    return "…"
