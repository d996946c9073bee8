"""The figure of context ablation: what a patch loses against how many LR pixels around it are hidden."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from l2xbench.draw import style
from l2xbench.draw.surround import LineLook, Surround
from l2xbench.studies.context.plotted import PlottedLoss
from l2xbench.studies.context.units import CONTROLS, DIFFERENCE, DISTANCE, NEAR_DIFFERENCE, RANDOM
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.words import words

_LEFT, _RIGHT, _BETWEEN = 1.2, 0.25, 0.25  # cm, as all lengths here
_PLOT = 2.9
_NAME = 0.42
_TICKS = 0.45
_FOOT = 0.4
_COLUMNS = {style.COLUMN_CM: 2, style.PAGE_CM: 5}
"""Networks beside each other."""
_IN_A_COLUMN = 4
"""Networks that a figure of 8.5 cm shows."""
_MARKERS = "oD^vP*X"


_CONTROL_LOOKS = {
    DISTANCE: LineLook(style.INK, (0, (4, 2))),
    RANDOM: LineLook(style.FAINT, (0, (1, 1))),
    DIFFERENCE: LineLook(style.FAINT, (0, (4, 1.5, 1, 1.5))),
    NEAR_DIFFERENCE: LineLook(style.FAINT, "solid"),
    BLURRED: LineLook(style.SERIES[3], (0, (4, 2))),
}
_METHOD_COLOURS = [style.SERIES[place] for place in (0, 1, 2, 4, 5)]


def looks_of_orders(labels: Sequence[str]) -> dict[str, LineLook]:
    """Controls in black and grey without markers, each method's order with a colour and marker of its own."""
    own = [label for label in dict.fromkeys(labels) if label not in _CONTROL_LOOKS]
    looks = {
        label: LineLook(_METHOD_COLOURS[number % len(_METHOD_COLOURS)], marker=_MARKERS[number % len(_MARKERS)])
        for number, label in enumerate(own)
    }
    return {label: _CONTROL_LOOKS.get(label) or looks[label] for label in dict.fromkeys(labels)}


def context_figure(
    networks: Mapping[str, Sequence[PlottedLoss]], title: str, note: str, scale: int, width: str = "auto"
) -> Figure:
    """Draw a plot a network: the PSNR that a patch loses against the number of hidden LR pixels, all on one scale.

    Args:
        networks: by name, each with its lines.
        title: what the figure shows.
        note: what its bands are.
        scale: of the networks; at 1 their pixels are the input's, not LR.
        width: `column` (8.5 cm), `page` (17.5 cm), or `auto`: a column for up to four networks.

    Returns:
        the figure; no text below 6 pt.
    """
    narrow = width == "column" or (width == "auto" and len(networks) <= _IN_A_COLUMN)
    page = style.COLUMN_CM if narrow else style.PAGE_CM
    rows = math.ceil(len(networks) / _COLUMNS[page])
    columns = math.ceil(len(networks) / rows)
    cell = min((page - _LEFT - _RIGHT - (columns - 1) * _BETWEEN) / columns, 6.5)
    full = _LEFT + _RIGHT + columns * cell + (columns - 1) * _BETWEEN
    looks = looks_of_orders([line.label for lines in networks.values() for line in lines])
    around = Surround(full, title, list(looks), note, lines_of_note=2)
    block = _NAME + _PLOT + _TICKS
    foot = around.foot(_FOOT)
    height = around.head + rows * block + foot
    with style.context():
        figure = style.new_figure(full, height)
        first = None
        for number, (name, lines) in enumerate(networks.items()):
            row, column = divmod(number, columns)
            top = around.head + row * block + _NAME
            left = _LEFT + column * (cell + _BETWEEN)
            where = (left / full, 1 - (top + _PLOT) / height, cell / full, _PLOT / height)
            axes = figure.add_axes(where, sharey=first)  # one scale: networks are there to be compared
            first = first or axes
            axes.set_label(name)
            _plot(axes, lines, looks, most_ticks=4 if cell < 3.2 else 8)
            axes.set_title(style.fit(name, cell * style.POINTS_PER_CM, size=style.TEXT_PT), pad=3)
            axes.tick_params(labelleft=column == 0)
            if column == 0:
                axes.set_ylabel("PSNR lost (dB)", labelpad=2)
        middle = _LEFT + (full - _LEFT - _RIGHT) / 2
        figure.text(
            middle / full, (foot - _FOOT) / height, f"hidden {words(scale).lr} pixels", ha="center", va="bottom"
        )
        around.draw(figure, height, looks.items(), markersize=3)
    return figure


def _plot(axes: Axes, lines: Sequence[PlottedLoss], looks: Mapping[str, LineLook], *, most_ticks: int) -> None:
    """One network's lines, with their bands."""
    axes.set_xscale("log", base=2)
    for line in lines:
        look = looks[line.label]
        if line.label not in CONTROLS:  # those of the controls would hide the maps'
            axes.fill_between(line.hidden, line.low, line.high, color=look.colour, alpha=0.18, linewidth=0)
        axes.plot(
            line.hidden,
            line.mean,
            color=look.colour,
            linestyle=look.dashes,
            marker=look.marker,
            markersize=2.5,
            linewidth=0.9,
            clip_on=False,
        )
    axes.xaxis.set_major_locator(FixedLocator(style.thinned(lines[0].hidden, most_ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y", color=style.FAINT, alpha=0.25, linewidth=0.4)
