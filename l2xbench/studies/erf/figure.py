"""The figure of receptive fields: a network a column, in the two scalings that papers use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from l2xbench.draw import style
from l2xbench.studies.erf.area import Square, as_mambair, as_replknet
from l2xbench.words import words

_MARGIN = 0.08
_GAP = 0.12
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM
_SMALL_LINE = style.SMALL_PT * style.LINE_SPACING / style.POINTS_PER_CM
_BAR = 0.18
_BAR_ROOM = 1.1
"""What a colour bar takes at the right, with its ticks."""
_INSET = 0.1
"""A colour bar is shorter than its pictures, so that its ticks stay clear of the next one's."""
_COLUMN_CELLS = 3
_MOST = 7
"""Networks beside each other."""
_SCALINGS = ((as_mambair, r"$\mathregular{(value\ /\ max)^{1/4}}$"), (as_replknet, "log₁₀(value + 1) / max"))


@dataclass(frozen=True)
class FieldPicture:
    """A network's mean field, and the squares that hold its shares."""

    name: str
    field: NDArray[np.float64]
    squares: Sequence[Square]


def field_figure(pictures: Sequence[FieldPicture], title: str, scale: int) -> Figure:
    """Draws the fields: up to three networks fill a column of 8.5 cm, more a page.

    Args:
        pictures: a network each.
        title: what the figure shows; how many pixels a panel spans is added.
        scale: of the networks; at 1 their pixels are the input's, not LR.
    """
    pixels = f"{words(scale).lr} pixels"
    columns = min(len(pictures), _MOST)
    bands = -(-len(pictures) // columns)
    page = style.COLUMN_CM if len(pictures) <= _COLUMN_CELLS else style.PAGE_CM
    cell = (page - 2 * _MARGIN - (columns - 1) * _GAP - _BAR_ROOM) / columns
    tallest = max(picture.field.shape[0] / picture.field.shape[1] for picture in pictures)
    cell = min(cell, 5.0)
    tall = cell * tallest
    width = 2 * _MARGIN + columns * cell + (columns - 1) * _GAP + _BAR_ROOM
    names = [style.fit(picture.name, cell * style.POINTS_PER_CM, size=style.TEXT_PT, lines=2) for picture in pictures]
    named = (max(name.count("\n") for name in names) + 1) * _LINE
    room = cell * style.POINTS_PER_CM
    told = [_told(picture.squares, pixels, room) for picture in pictures]
    lines = max((sum(line.count("\n") + 1 for line in each) for each in told), default=0)
    band = named + 2 * (tall + _GAP) + lines * _SMALL_LINE + _GAP
    spans = " or ".join(dict.fromkeys("{} × {}".format(*picture.field.shape) for picture in pictures))
    title = f"{title}; a panel spans {spans} {pixels}"
    heading = style.fit(title, (width - 2 * _MARGIN) * style.POINTS_PER_CM, size=style.TEXT_PT, lines=2)
    head = _MARGIN + (heading.count("\n") + 1) * _LINE + _GAP
    height = head + bands * band + _MARGIN

    def place(left: float, top: float, wide: float, high: float) -> tuple[float, float, float, float]:
        return left / width, 1 - (top + high) / height, wide / width, high / height

    with style.context():
        figure = style.new_figure(width, height)
        figure.text(_MARGIN / width, 1 - _MARGIN / height, heading, va="top", ha="left", linespacing=1.2)
        for number, picture in enumerate(pictures):
            left = _MARGIN + number % columns * (cell + _GAP)
            top = head + number // columns * band
            figure.text(
                (left + cell / 2) / width, 1 - (top + named - 0.05) / height, names[number], va="bottom", ha="center"
            )
            top += named
            for scaling, _ in _SCALINGS:
                axes = figure.add_axes(place(left, top, cell, tall))
                axes.imshow(scaling(picture.field), cmap=_colours(), norm=Normalize(0, 1), interpolation="nearest")
                axes.set_axis_off()
                top += tall + _GAP
            figure.text(
                (left + cell / 2) / width,
                1 - top / height,
                "\n".join(told[number]),
                va="top",
                ha="center",
                fontsize=style.SMALL_PT,
                linespacing=style.LINE_SPACING,
            )
        for row, (_, label) in enumerate(_SCALINGS):
            top = head + named + row * (tall + _GAP)
            axes = figure.add_axes(place(width - _MARGIN - _BAR_ROOM + _GAP, top + _INSET, _BAR, tall - 2 * _INSET))
            bar = figure.colorbar(ScalarMappable(Normalize(0, 1), _colours()), cax=axes, ticks=[0, 0.5, 1])
            bar.outline.set_linewidth(0.3)
            bar.set_label(label, fontsize=style.SMALL_PT, labelpad=1, parse_math=True)
    return figure


def _told(squares: Sequence[Square], pixels: str, room: float) -> list[str]:
    """The radii that hold half and almost all, each on a line of so many points, or on two."""
    found = []
    for square in squares:
        if square.share < 0.5:
            continue
        if square.radius is None:
            found.append(f"{square.share:.0%} reach the edge")
            continue
        of, radius = f"{square.share:.0%} within", f"{square.radius} {pixels[:-1] if square.radius == 1 else pixels}"
        found.append(
            f"{of} {radius}" if style.text_width(f"{of} {radius}", style.SMALL_PT) <= room else f"{of}\n{radius}"
        )
    return found


def _colours() -> Colormap:
    """The upper half of RdYlGn, yellow to green: what papers draw, whose maps are centred at 0."""
    return ListedColormap(matplotlib.colormaps["RdYlGn"](np.linspace(0.5, 1, 256)), "YlGn of RdYlGn")
