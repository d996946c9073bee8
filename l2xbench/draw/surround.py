"""What stands around the plots of a figure of lines: its heading, a legend below that, and a note at its foot."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from l2xbench.draw import style

LINE = style.SMALL_PT * 1.35 / style.POINTS_PER_CM
"""Height of a line of small text, in cm as all lengths here."""
Dashes = Literal["solid"] | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class LineLook:
    """How a line is drawn, in the plots and in the legend."""

    colour: str
    dashes: Dashes = "solid"
    marker: str = ""


class Surround:
    """Heading, legend and note, each in as many lines as a figure of this width needs."""

    def __init__(self, width: float, heading: str, labels: Sequence[str], note: str, *, lines_of_note: int) -> None:
        """Finds the room they take.

        Args:
            width: of the figure.
            heading: in two lines at most; what there is no room for is cut off.
            labels: of the legend.
            note: what the marks and bands are.
            lines_of_note: at most.
        """
        room = (width - 0.2) * style.POINTS_PER_CM
        self.width = width
        self.heading = style.fit(heading, room, size=style.TEXT_PT, lines=2)
        self.note = style.fit(note, room, size=style.SMALL_PT, lines=lines_of_note)
        entry = max(style.text_width(label, style.SMALL_PT) for label in labels) + 5.5 * style.SMALL_PT
        self._in_a_row = max(1, min(len(labels), int(room // entry)))
        legend = math.ceil(len(labels) / self._in_a_row) * LINE * 1.15
        self.head = 0.15 + (self.heading.count("\n") + 1) * LINE * 1.15 + legend + 0.15
        """Height of heading and legend."""

    def foot(self, axis: float) -> float:
        """Height of the note and of what the plots' axis, of this height, says above it."""
        return axis + (self.note.count("\n") + 1) * LINE + 0.1

    def draw(self, figure: Figure, height: float, looks: Iterable[tuple[str, LineLook]], *, markersize: float) -> None:
        """Write them on a figure of this height.

        Args:
            figure: as wide as was said.
            height: of it.
            looks: label and look of each entry of the legend.
            markersize: of its entries, in points.
        """
        figure.text(0.1 / self.width, 1 - 0.1 / height, self.heading, va="top", linespacing=style.LINE_SPACING)
        figure.text(0.1 / self.width, 0.1 / height, self.note, va="bottom", fontsize=style.SMALL_PT, linespacing=1.25)
        handles = [
            Line2D(
                [],
                [],
                color=look.colour,
                linestyle=look.dashes,
                marker=look.marker,
                markersize=markersize,
                label=label,
            )
            for label, look in looks
        ]
        top = 1 - (0.1 + (self.heading.count("\n") + 1) * LINE * 1.15) / height
        style.legend_at_left(figure, handles, top, self._in_a_row, handle=2.6)
