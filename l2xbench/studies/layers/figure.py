"""The grid of layers with layers (Kornblith et al. 2019; Raghu et al. 2021): input to output on both axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from l2xbench.draw import style
from l2xbench.studies.layers.grids import Grid, Numbers

MOST_SQUARE = 6
"""With more networks than this, a network is shown with itself, and with those of its own build."""
_MARGIN = 0.15
_GAP = 0.16
_LINE = style.TEXT_PT * style.LINE_SPACING / style.POINTS_PER_CM
_BAR, _BAR_ROOM = 0.22, 1.1
_NAMES = 0.55
_LARGEST = 4.2
_COLOURS = LinearSegmentedColormap.from_list("similar", style.SHADES).with_extremes(bad="#ffffff")


def layers_figure(grids: Sequence[Grid], title: str) -> Figure:
    """Draws up to six networks, each with each, as a square, dCKA above its diagonal and CKA on and below it; more as a
    list."""
    names = list(dict.fromkeys([grid.model_a for grid in grids]))
    if len(names) <= MOST_SQUARE:
        return square(grids, names, title)
    return listed([grid for grid in grids if grid.model_a == grid.model_b or grid.alike], title)


def square(grids: Sequence[Grid], names: Sequence[str], title: str) -> Figure:
    """A row and a column a network."""
    count = len(names)
    of = {(grid.model_a, grid.model_b): grid for grid in grids}
    cell = min(_LARGEST, (style.PAGE_CM - 2 * _MARGIN - _NAMES - _BAR_ROOM - (count - 1) * _GAP) / count)
    side = count * cell + (count - 1) * _GAP
    width, head = 2 * _MARGIN + _NAMES + side + _BAR_ROOM, _MARGIN + 2 * _LINE + _LINE + 0.1
    height = head + side + _LINE + 0.25 + _MARGIN
    with style.context():
        figure = style.new_figure(width, height)
        told = "dCKA above the diagonal, CKA on and below it" if count > 1 else "CKA"
        put_heading(figure, f"{title}; {told}", width, height)
        for row, first in enumerate(names):
            for column, second in enumerate(names):
                values = cell_values(of, first, second, above=column > row)
                left = _MARGIN + _NAMES + column * (cell + _GAP)
                top = head + row * (cell + _GAP)
                axes = figure.add_axes((left / width, 1 - (top + cell) / height, cell / width, cell / height))
                draw_grid(axes, values)
                if row == 0:
                    put_name(figure, second, (left + cell / 2) / width, 1 - (head - 0.06) / height, cell, 0)
                if column == 0:
                    put_name(figure, first, (left - 0.08) / width, 1 - (top + cell / 2) / height, cell, 90)
        middle = (_MARGIN + _NAMES + side / 2) / width
        figure.text(middle, (_MARGIN + 0.1) / height, "both axes: input → output", ha="center", va="bottom", fontsize=6)
        put_bar(figure, width, height, head, side)
    return figure


def cell_values(of: dict[tuple[str, str], Grid], first: str, second: str, *, above: bool) -> Numbers | None:
    """The values of a cell, dCKA above the diagonal and CKA elsewhere: rows are the layers of the first network."""
    grid, turned = of.get((first, second)), of.get((second, first))
    if grid is not None:
        return grid.dcka if above else grid.cka
    if turned is not None:
        return (turned.dcka if above else turned.cka).T
    return None


def listed(grids: Sequence[Grid], title: str) -> Figure:
    """One grid beside the other, each with its CKA."""
    columns = MOST_SQUARE
    bands = -(-len(grids) // columns)
    cell = (style.PAGE_CM - 2 * _MARGIN - _BAR_ROOM - (columns - 1) * _GAP) / columns
    band = cell + 2 * _LINE + 0.3
    head = _MARGIN + 2 * _LINE
    width, height = style.PAGE_CM, head + bands * band + _LINE + _MARGIN
    with style.context():
        figure = style.new_figure(width, height)
        put_heading(figure, f"{title}; CKA", width, height)
        for number, grid in enumerate(grids):
            left = _MARGIN + number % columns * (cell + _GAP)
            top = head + number // columns * band + 2 * _LINE
            axes = figure.add_axes((left / width, 1 - (top + cell) / height, cell / width, cell / height))
            draw_grid(axes, grid.cka)
            name = grid.model_a if grid.model_a == grid.model_b else f"{grid.model_a}, {grid.model_b}"
            shown = style.fit(name, cell * style.POINTS_PER_CM, size=style.SMALL_PT, lines=2)
            figure.text(
                (left + cell / 2) / width, 1 - (top - 0.05) / height, shown, ha="center", va="bottom", fontsize=6
            )
        figure.text(0.5, _MARGIN / height, "both axes: input → output", ha="center", va="bottom", fontsize=6)
        put_bar(figure, width, height, head + 2 * _LINE, cell)
    return figure


def draw_grid(axes: Axes, values: Numbers | None) -> None:
    """One grid, input at the lower left."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.4)
    if values is not None:
        shown = np.ma.masked_invalid(values)
        axes.imshow(shown, cmap=_COLOURS, vmin=0, vmax=1, origin="lower", aspect="auto", interpolation="nearest")


def put_heading(figure: Figure, title: str, width: float, height: float) -> None:
    """The figure's heading."""
    heading = style.fit(title, (width - 2 * _MARGIN) * style.POINTS_PER_CM, size=style.TEXT_PT, lines=2)
    figure.text(_MARGIN / width, 1 - _MARGIN / height, heading, va="top", ha="left", linespacing=1.2)


def put_name(figure: Figure, name: str, x: float, y: float, cell: float, rotation: int) -> None:
    """A network's name along the side of its cells."""
    shown = style.fit(name, cell * style.POINTS_PER_CM, size=style.TEXT_PT)
    figure.text(
        x,
        y,
        shown,
        rotation=rotation,
        ha="center" if rotation == 0 else "right",
        va="bottom" if rotation == 0 else "center",
    )


def put_bar(figure: Figure, width: float, height: float, top: float, side: float) -> None:
    """The colour bar, at the right."""
    axes = figure.add_axes(((width - _BAR_ROOM + 0.15) / width, 1 - (top + side) / height, _BAR / width, side / height))
    bar = figure.colorbar(ScalarMappable(Normalize(0, 1), _COLOURS), cax=axes, ticks=[0, 0.5, 1])
    bar.outline.set_linewidth(0.3)
