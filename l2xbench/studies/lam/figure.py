"""The figure of a window: HR with its box, and for each network the map, both blends, and the window's SR pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from l2xbench.draw import style
from l2xbench.studies.lam.cases import parted_name
from l2xbench.studies.lam.pictures import Picture, map_pictures
from l2xbench.words import words

_MARGIN = 0.08
_GAP = 0.08
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM
_SMALL_LINE = style.SMALL_PT * style.LINE_SPACING / style.POINTS_PER_CM
_NAME_LINES = 2
_RED = "#e60000"
_COLUMN_CELLS = 4
"""So many pictures beside each other still fit a column of 8.5 cm."""
_WIDEST = 4.2
"""The largest side of a picture, in cm: two networks alone would else fill a page."""


@dataclass(frozen=True)
class LamMap:
    """A method's map of the window."""

    method: str
    values: NDArray[np.floating]
    """(3, h, w)."""
    di: float
    seconds: float


@dataclass(frozen=True)
class LamNetwork:
    """A column of the figure."""

    name: str
    maps: Sequence[LamMap]
    patch: Picture
    """The window's SR pixels."""
    psnr: float | None


@dataclass(frozen=True)
class LamPanel:
    """All that the figure shows."""

    dataset: str
    """Empty where its name says nothing."""
    image: str
    window: tuple[int, int, int]
    """Left, top and side in SR pixels."""
    scale: int
    lr: Picture
    hr: Picture | None
    networks: Sequence[LamNetwork]


def lam_bytes(panel: LamPanel, width: str = "auto") -> dict[str, bytes]:
    """The figure as PNG and PDF."""
    return style.figure_bytes(lam_figure(panel, width))


def lam_figure(panel: LamPanel, width: str = "auto") -> Figure:
    """Draws a window: HR at the left, then a column for each network.

    Args:
        panel: what is shown.
        width: `column` (8.5 cm), `page` (17.5 cm), or `auto`: a column for up to three networks.
    """
    cells = len(panel.networks) + 1
    narrow = width == "column" or (width == "auto" and cells <= _COLUMN_CELLS)
    page = style.COLUMN_CM if narrow else style.PAGE_CM
    cell = min((page - 2 * _MARGIN - (cells - 1) * _GAP) / cells, _WIDEST)
    tall = cell * panel.lr.shape[0] / panel.lr.shape[1]
    methods = [each.method for each in panel.networks[0].maps]
    several = len(methods) > 1
    room = cell * style.POINTS_PER_CM
    names = [style.fit(each.name, room, size=style.TEXT_PT, lines=_NAME_LINES) for each in panel.networks]
    head = _MARGIN + (max(name.count("\n") for name in names) + 1) * _LINE
    block = 3 * (tall + _GAP) + _SMALL_LINE * (2 if several else 1) + _GAP
    total = head + len(methods) * block + cell + _GAP + _SMALL_LINE + _MARGIN
    full = 2 * _MARGIN + cells * cell + (cells - 1) * _GAP
    with style.context():
        figure = style.new_figure(full, total)
        canvas = _Canvas(figure, full, total)
        _inputs(canvas, panel, head, cell, tall)
        for number, network in enumerate(panel.networks, start=1):
            left = _MARGIN + number * (cell + _GAP)
            canvas.text(left + cell / 2, head - 0.05, names[number - 1], size=style.TEXT_PT, below=False)
            top = head
            for shown in network.maps:
                pictures = map_pictures(shown.values, panel.lr, panel.scale)
                for picture in (pictures.map, pictures.over_image, pictures.density):
                    axes = canvas.picture(picture, left, top, cell, tall)
                    if picture is pictures.map:  # white up to its edge
                        axes.spines[:].set(visible=True, linewidth=0.3, color=style.FAINT)
                    top += tall + _GAP
                if several:
                    canvas.text(left + cell / 2, top, f"{shown.method}, {_seconds(shown.seconds)}")
                    top += _SMALL_LINE
                canvas.text(left + cell / 2, top, f"DI {shown.di:.2f}")
                top += _SMALL_LINE + _GAP
            canvas.picture(network.patch, left, top, cell, cell)
            if network.psnr is not None:
                canvas.text(left + cell / 2, top + cell + _GAP / 2, f"{network.psnr:.2f} dB")
    return figure


def _inputs(canvas: _Canvas, panel: LamPanel, head: float, cell: float, tall: float) -> None:
    """HR with the window's box, what it is of, LR, and at the bottom the window's HR pixels."""
    x, y, size = panel.window
    room = cell * style.POINTS_PER_CM
    middle = _MARGIN + cell / 2
    called = words(panel.scale)
    canvas.text(middle, head - 0.05, called.lr if panel.hr is None else called.hr, size=style.TEXT_PT, below=False)
    whole = panel.hr if panel.hr is not None else panel.lr.repeat(panel.scale, 0).repeat(panel.scale, 1)
    axes = canvas.picture(whole, _MARGIN, head, cell, tall)
    axes.add_patch(Rectangle((x - 0.5, y - 0.5), size, size, fill=False, edgecolor=_RED, linewidth=0.8))
    top = head + tall + _GAP
    if panel.hr is not None:
        canvas.picture(panel.lr, _MARGIN, top, cell, tall)
        top += tall + _GAP / 2
        canvas.text(middle, top, called.lr if panel.scale == 1 else f"{called.lr}, ×{panel.scale}")
        top += _SMALL_LINE
    name, crop = parted_name(panel.image)
    part = [] if crop is None else [f"crop {crop[2]}", f"at {crop[0]}, {crop[1]}"]
    for line in filter(None, (panel.dataset, name, *part, f"window {size}", f"at {x}, {y}")):
        canvas.text(middle, top, style.fit(line, room, size=style.SMALL_PT))
        top += _SMALL_LINE
    if panel.hr is not None:
        bottom = canvas.height - _MARGIN - _SMALL_LINE - _GAP - cell
        canvas.picture(panel.hr[y : y + size, x : x + size], _MARGIN, bottom, cell, cell)
        canvas.text(middle, bottom + cell + _GAP / 2, called.hr)


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.2g} s"


class _Canvas:
    """A figure in centimetres from its top left."""

    def __init__(self, figure: Figure, width: float, height: float) -> None:
        self.figure = figure
        self.width = width
        self.height = height

    def picture(self, picture: Picture, left: float, top: float, width: float, height: float) -> Axes:
        place = (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )
        axes = self.figure.add_axes(place)
        axes.imshow(picture, interpolation="nearest", aspect="auto")
        axes.set_xticks([])
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
        return axes

    def text(self, x: float, y: float, text: str, *, size: float = style.SMALL_PT, below: bool = True) -> None:
        """A text centred at `x`, below `y`, or above it with its last line where that of every other is."""
        if not below:  # names stand on one line, whatever their letters
            y -= 0.25 * size / style.POINTS_PER_CM
        place = (x / self.width, 1 - y / self.height)
        vertical = "top" if below else "baseline"
        self.figure.text(*place, text, fontsize=size, ha="center", va=vertical, linespacing=style.LINE_SPACING)
