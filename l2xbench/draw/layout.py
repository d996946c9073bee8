"""Where things stand in a heatmap figure, in centimetres from its top left."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from l2xbench.draw import style
from l2xbench.draw.panels import HeatmapPanel, NetworkPanel
from l2xbench.words import words

# A network whose own map misses the objective's difference by more than this says so under it.
_WORTH_SAYING = 0.01

MARGIN = 0.08
_GAP = 0.18  # between columns
SEAM = 0.06  # between the two pictures of a cell
_ROW_GAP = 0.22
_NARROWEST = 2.3  # a column that still holds "31.88 dB / 0.8910" at 6 pt
_MOST_COLUMNS = 7
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM
_SMALL_LINE = style.SMALL_PT * style.LINE_SPACING / style.POINTS_PER_CM
BAR = 0.18
_BAR_BELOW = 0.80  # ticks and label


@dataclass(frozen=True)
class FigureLayout:
    """Cells of two pictures, with the name above and the figures below; the first cell holds HR over LR.

    Without HR a single network is `spread`: its map lies below LR and SR, over the width of both.
    """

    columns: int
    rows: int
    cell: float  # width
    picture: float  # width of the whole image
    upper: tuple[float, float]  # width, height of the upper picture
    lower: tuple[float, float]
    names: tuple[str, ...]
    notes: tuple[str, ...]
    head: tuple[str, ...]
    foot: tuple[str, ...]
    bar_label: tuple[str, ...]
    spread: bool

    @classmethod
    def of(cls, panel: HeatmapPanel, *, framed: bool, bar: str) -> FigureLayout:
        """Where things stand; `framed` are maps that show a part, and `bar` is what stands at the colour bar."""
        cells = len(panel.networks) + 1
        narrow = cells <= 3
        page = style.COLUMN_CM if narrow else style.PAGE_CM
        rows = math.ceil(cells / _MOST_COLUMNS)
        columns = math.ceil(cells / rows)
        tall = panel.lr.shape[0] / panel.lr.shape[1]
        zoom_tall = panel.zoom[2] / panel.zoom[3] if panel.zoom else tall
        room = (page - 2 * MARGIN - (columns - 1) * _GAP) / columns
        foot = _foot(panel, (page - 2 * MARGIN) * style.POINTS_PER_CM)
        noted = 6 if foot else 4
        # Text takes what it takes; the pictures share the rest of the page's height.
        text = (
            rows * (3 * _LINE + noted * _SMALL_LINE + _ROW_GAP) + 5 * _LINE + BAR + _BAR_BELOW + len(foot) * _SMALL_LINE
        )
        most = (style.COLUMN_CM * 1.5 if narrow else style.PAGE_HEIGHT_CM) - text
        spread = len(panel.networks) == 1 and panel.hr is None
        below = 2 if spread else 1  # the map's width, in pictures
        picture = min(room, most / rows / (below * tall + min(zoom_tall, tall)))
        cell = max(picture, min(room, _NARROWEST))
        lower = 2 * picture + _GAP if spread else picture
        upper_width = min(picture, picture * tall / zoom_tall)
        points = cell * style.POINTS_PER_CM
        width = 2 * MARGIN + columns * cell + (columns - 1) * _GAP
        return cls(
            columns=columns,
            rows=rows,
            cell=cell,
            picture=picture,
            upper=(upper_width, upper_width * zoom_tall),
            lower=(lower, lower * tall),
            names=tuple(style.fit(n.name, points, size=style.TEXT_PT, lines=2) for n in panel.networks),
            notes=tuple(_note(n, below * points, complete=panel.is_complete) for n in panel.networks),
            head=_head(panel, framed, (width - 2 * MARGIN) * style.POINTS_PER_CM),
            foot=_foot(panel, (width - 2 * MARGIN) * style.POINTS_PER_CM),
            bar_label=_bar_label(bar, (width - 2 * MARGIN) * style.POINTS_PER_CM),
            spread=spread,
        )

    @property
    def width(self) -> float:
        return 2 * MARGIN + self.columns * self.cell + (self.columns - 1) * _GAP

    @property
    def height(self) -> float:
        label = (len(self.bar_label) - 1) * _LINE
        return self.bar_top + BAR + _BAR_BELOW + label + len(self.foot) * _SMALL_LINE

    @property
    def bar_top(self) -> float:
        return self.row_top(self.rows) + 0.08

    def row_top(self, row: int) -> float:
        top = MARGIN + len(self.head) * _LINE + 0.1
        return top + sum(self._row_height(above) for above in range(row))

    def _row_height(self, row: int) -> float:
        return (
            self.name_height(row)
            + self.upper[1]
            + SEAM
            + self.lower[1]
            + self._note_height(row)
            + (_ROW_GAP if row + 1 < self.rows else 0.1)
        )

    def _members(self, row: int) -> range:
        """Numbers of the networks of a row; cell 0 of row 0 is the inputs'."""
        return range(max(0, row * self.columns - 1), min(len(self.names), (row + 1) * self.columns - 1))

    def name_height(self, row: int) -> float:
        return 0.06 + _LINE * max(self.names[i].count("\n") + 1 for i in self._members(row))

    def _note_height(self, row: int) -> float:
        lines = [self.notes[i].count("\n") + 1 if self.notes[i] else 0 for i in self._members(row)]
        return 0.06 + _SMALL_LINE * max([*lines, 1 if row == 0 else 0])

    def left(self, column: int) -> float:
        return MARGIN + column * (self.cell + _GAP)

    def rectangle(self, left: float, top: float, width: float, height: float) -> tuple[float, float, float, float]:
        """Matplotlib's rectangle (fractions, from below) of one in centimetres from the top left."""
        return (
            left / self.width,
            1 - (top + height) / self.height,
            width / self.width,
            height / self.height,
        )


def _note(network: NetworkPanel, width: float, *, complete: bool) -> str:
    """PSNR and SSIM, PSNR of the enlarged part, and what a reader must know before trusting the map."""
    figures = []
    if network.psnr is not None:
        figures.append(_decibels(network.psnr))
    if network.ssim is not None:
        figures.append(f"{network.ssim:.4f}")
    line = " / ".join(figures)
    lines = [line] if style.text_width(line, style.SMALL_PT) <= width else figures
    lines = [line for line in lines if line]
    if network.zoom_psnr is not None:
        lines.append(f"part: {_decibels(network.zoom_psnr)}")
    lines += _spread(network, width)
    error = network.completeness_error
    if not np.isfinite(network.values).all():
        lines.append("map: not finite")
    elif complete and error is not None and not error <= _WORTH_SAYING:
        lines.append(f"incomplete by {error:.0%}" if error < 10 else "incomplete")
    return "\n".join(lines)


def _spread(network: NetworkPanel, width: float) -> list[str]:
    """How far beyond its target's own pixels a map goes, on one line where it fits."""
    told = []
    if network.outside is not None:
        told.append(f"{network.outside:.1%} outside")
    if network.diffusion is not None:
        told.append(f"DI {network.diffusion:.2f}")
    line = ", ".join(told)
    return [line] if line and style.text_width(line, style.SMALL_PT) <= width else told


def _foot(panel: HeatmapPanel, width: float) -> tuple[str, ...]:
    """What the numbers under the maps are, where there are some."""
    if all(network.outside is None for network in panel.networks):
        return ()
    told = f"outside: share of |map| beyond the target's own {words(panel.scale).lr} pixels; DI: diffusion index"
    return tuple(style.fit(told, width, size=style.SMALL_PT, lines=2).split("\n"))


def _bar_label(said: str, width: float) -> tuple[str, ...]:
    """All of it: what the numbers are of on a line of its own where one line cannot hold it."""
    if style.text_width(said, style.TEXT_PT) <= width:
        return (said,)
    of, unit = said.split(" (", 1)
    return tuple(
        "\n".join(style.fit(part, width, size=style.TEXT_PT, lines=3) for part in (of, f"({unit}")).split("\n")
    )


def _decibels(psnr: float) -> str:
    return "∞ dB" if math.isinf(psnr) else f"{psnr:.2f} dB"


def _head(panel: HeatmapPanel, framed: bool, width: float) -> tuple[str, ...]:
    """What the figure shows, on one line where it fits, else on two or three."""
    scale = f"×{panel.scale}" if panel.scale > 1 else ""
    what = ", ".join(filter(None, (panel.dataset, panel.image, scale)))
    how = f"{panel.method}, reference {panel.reference}, target {panel.target}"
    where = "(maps: the dashed frame)" if framed else ""
    for lines in ((f"{what}:  {how} {where}".rstrip(),), (what, f"{how} {where}".rstrip()), (what, how, where)):
        if all(style.text_width(line, style.TEXT_PT) <= width for line in lines):
            return lines
    return tuple(style.fit(line, width, size=style.TEXT_PT) for line in lines if line)
