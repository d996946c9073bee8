"""The paper's Fig. 2: for one image, what each network made of it and which LR pixels it used."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from l2xbench.draw import scales, style
from l2xbench.draw.colormap import colour_map, over_image
from l2xbench.draw.layout import BAR, MARGIN, SEAM, FigureLayout
from l2xbench.draw.panels import Box, HeatmapPanel, NetworkPanel, ScaledMaps, local_view, scaled_maps
from l2xbench.draw.style import figure_bytes
from l2xbench.words import words

_Line = str | tuple[float, tuple[float, ...]]
_DASHES: _Line = (0, (3, 1.5))


def heatmap_figure(panel: HeatmapPanel, *, palette: str = "green-red") -> Figure:
    """Draw one image's LR, HR, and each network's SR over its attribution map (the paper's Fig. 2).

    A map is the signed sum over the channels, drawn over the greyed LR image: the palette's first colour
    where a pixel raised the objective, its second where it lowered it, clear at 0. All maps of the figure
    share one symmetric scale (`colormap.shared_limit`), so equal colours are equal numbers; the bar's pointed
    ends stand for what lies beyond it.

    The unit. An attribution is complete (Eq. 1): summed over the LR pixels it is the objective's difference,
    and so has the unit of the SR image. It is shown in 8-bit grey levels, as an SR image is, per SR sample
    (one channel of one SR pixel) that it explains, which makes a map independent of scale and of image size:

    - target `image`: R is divided by the SR samples per LR pixel, C s². The map's *mean* is the mean |F(x) -
      F(x')| of the SR image, in grey levels.
    - target `patch`: R is divided by the samples of the patch, C h w; target `neuron`: by 1. The map's *sum*
      is the mean |F(x) - F(x')| of the patch, the F(x) - F(x') of the neuron, in grey levels.

    A share of each map's own total would hide that one network reacts more than another, so it is used only
    for a method whose maps do not sum to the difference (a plain gradient, say; the median completeness error
    of the panel tells): its numbers have no unit in common, and each map is divided by its mean |R|.

    Without HR, LR stands beside the SR of a single network, whose map has the width of both; of several networks, the
    part that their SR or maps show is enlarged where HR would be. A network that does not enlarge has `input`, `output`
    and `target` in place of LR, SR and HR.

    The scale. The map of a `patch` or `neuron` is shaded by the symmetric logarithm of its values, so that far
    pixels, each of which counts for little, are seen; `linear` on request, and for `image` by default. The bar says
    which, and its numbers are the maps'. Under such a map stands the share of |attribution| outside the target's own
    LR pixels, and LAM's diffusion index.

    For a `patch` or `neuron` whose attributions keep to a small part of the image, the maps show that part,
    framed in the LR image.

    Args:
        panel: at least one network; every map has the LR image's size.
        palette: `green-red` as in the paper, or `blue-orange` for readers who cannot tell those apart.

    Returns:
        a figure at its printed size, at most 17.5 cm wide and 8.5 cm for one or two networks, with no text
        below 6 pt.

    Raises:
        RequestError: no such palette.
    """
    scaled = scaled_maps(panel)
    view = local_view(panel, scaled.maps)
    with style.context():
        layout = FigureLayout.of(panel, framed=view is not None, bar=scaled.label)
        figure = style.new_figure(layout.width, layout.height)
        _title(figure, layout, panel)
        _draw_inputs(figure, layout, panel, view)
        for number, (network, values) in enumerate(zip(panel.networks, scaled.maps, strict=True), start=1):
            drawn = over_image(values, panel.lr, scaled.limit, palette, scaled.scale)
            _draw_network(figure, layout, panel, network, number, drawn, view)
        _colour_bar(figure, layout, scaled, palette)
        if layout.foot:
            _foot(figure, layout)
    return figure


def heatmap_bytes(panel: HeatmapPanel, palette: str = "green-red") -> dict[str, bytes]:
    """The figure of `heatmap_figure` as PNG and as PDF: all that a process which only draws is asked for."""
    return figure_bytes(heatmap_figure(panel, palette=palette))


def _title(figure: Figure, layout: FigureLayout, panel: HeatmapPanel) -> None:
    figure.text(
        MARGIN / layout.width,
        1 - MARGIN / layout.height,
        "\n".join(layout.head),
        ha="left",
        va="top",
        fontsize=style.TEXT_PT,
        linespacing=style.LINE_SPACING,
    )


def _foot(figure: Figure, layout: FigureLayout) -> None:
    figure.text(
        0.5,
        MARGIN / layout.height,
        "\n".join(layout.foot),
        ha="center",
        va="bottom",
        fontsize=style.SMALL_PT,
        linespacing=style.LINE_SPACING,
    )


def _draw_inputs(figure: Figure, layout: FigureLayout, panel: HeatmapPanel, view: Box | None) -> None:
    size = panel.lr.shape[0] * panel.scale, panel.lr.shape[1] * panel.scale
    called = words(panel.scale)
    part = f"{called.lr}, the part"
    if panel.hr is not None:
        names = (called.hr, called.lr)
    elif layout.spread:
        names = (called.lr, "")
    elif panel.zoom:  # above, SR shows that part
        names = (part, called.lr)
    else:  # below, the maps show it
        names = (called.lr, part) if view else ("", called.lr)
    upper, lower = _cell(figure, layout, 0, *names)
    for axes, name in zip((upper, lower), names, strict=True):
        axes.set_label(name)
        if not name:
            axes.remove()
        elif name == called.hr and panel.hr is not None:
            _show(axes, panel.hr[: size[0], : size[1]], size, panel.zoom)
            _mark_target(axes, panel, style.MARK)
        elif name == part:
            _show(axes, panel.lr, size, panel.zoom or view)
            _mark_target(axes, panel, style.MARK)
    whole = upper if names[0] == called.lr else lower
    _show(whole, panel.lr, size, None)
    _mark_frame(whole, panel.zoom, style.MARK, "solid")
    _mark_frame(whole, view, style.MARK, _DASHES)
    _mark_target(whole, panel, style.MARK)


def _draw_network(
    figure: Figure,
    layout: FigureLayout,
    panel: HeatmapPanel,
    network: NetworkPanel,
    number: int,
    drawn: NDArray[np.uint8],
    view: Box | None,
) -> None:
    size = network.sr.shape[0], network.sr.shape[1]
    upper, lower = _cell(figure, layout, number, layout.names[number - 1], layout.notes[number - 1])
    upper.set_label(f"{network.name}: {words(panel.scale).sr}")
    lower.set_label(f"{network.name}: map")
    _show(upper, network.sr, size, panel.zoom)
    _mark_target(upper, panel, style.MARK)
    _show(lower, drawn, size, view)
    _mark_target(lower, panel, style.INK)
    if view is None:
        _mark_frame(lower, panel.zoom, style.INK, "solid")


def _cell(figure: Figure, layout: FigureLayout, number: int, above: str, below: str) -> tuple[Axes, Axes]:
    row, column = divmod(number, layout.columns)
    left, top = layout.left(column), layout.row_top(row)
    first = top + layout.name_height(row)
    second = first + layout.upper[1] + SEAM
    middle = left + layout.cell / 2
    below_middle = layout.width / 2 if layout.spread else middle
    axes = [
        figure.add_axes(layout.rectangle(centre - width / 2, start, width, height))
        for centre, start, (width, height) in ((middle, first, layout.upper), (below_middle, second, layout.lower))
    ]
    # the names above stand on one line, whatever their letters: by the baseline, not by what hangs below it
    hanging = 0.25 * style.TEXT_PT / style.POINTS_PER_CM
    for text, centre, at, va, size in (
        (above, middle, first - 0.06 - hanging, "baseline", style.TEXT_PT),
        (below, below_middle, second + layout.lower[1] + 0.06, "top", style.SMALL_PT if number else style.TEXT_PT),
    ):
        figure.text(
            centre / layout.width,
            1 - at / layout.height,
            text,
            ha="center",
            va=va,
            fontsize=size,
            linespacing=style.LINE_SPACING,
        )
    return axes[0], axes[1]


def _show(axes: Axes, picture: NDArray[np.uint8], size: tuple[int, int], zoom: Box | None) -> None:
    """Every picture lies in SR pixels, whatever its own resolution; LR pixels stay squares.

    Enlarged pictures are drawn with sharp pixels, and reduced ones are averaged, not sampled.
    """
    y, x, height, width = zoom or (0, 0, *size)
    if picture.shape[:2] == size:  # what is not shown need not be resampled
        picture = picture[y : y + height, x : x + width]
        extent = (x, x + width, y + height, y)
    else:
        extent = (0, size[1], size[0], 0)
    axes.imshow(picture, extent=extent, interpolation="antialiased", aspect="auto")
    axes.set_xlim(x, x + width)
    axes.set_ylim(y + height, y)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(0.3)
        spine.set_edgecolor(style.FAINT)


def _mark_target(axes: Axes, panel: HeatmapPanel, colour: str) -> None:
    box = panel.target_box
    if box is None:
        return
    y, x, height, width = box
    if panel.target.startswith("neuron:"):
        # One SR pixel cannot be seen: a ring around it can.
        radius = 0.03 * abs(axes.get_xlim()[1] - axes.get_xlim()[0])
        axes.add_patch(Circle((x + 0.5, y + 0.5), radius, fill=False, edgecolor=colour, linewidth=0.9))
    else:
        axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=0.9))


def _mark_frame(axes: Axes, box: Box | None, colour: str, line: _Line) -> None:
    if box is not None:
        y, x, height, width = box
        axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=0.7, linestyle=line))


def _colour_bar(figure: Figure, layout: FigureLayout, scaled: ScaledMaps, palette: str) -> None:
    width = min(layout.width - 2 * MARGIN - 0.6, 10.0)
    axes = figure.add_axes(layout.rectangle((layout.width - width) / 2, layout.bar_top, width, BAR))
    axes.set_label("colour bar")
    bar = figure.colorbar(
        ScalarMappable(scales.norm(scaled.limit, scaled.scale), colour_map(palette)),
        cax=axes,
        orientation="horizontal",
        extend=_clipped(scaled),
        extendfrac=0.03,
        ticks=FixedLocator(scales.ticks(scaled.limit, scaled.scale, width / 2.12 * style.POINTS_PER_CM)),
        format=FuncFormatter(scales.signed),
    )
    bar.ax.set_xticks(scales.marks(scaled.limit, scaled.scale), minor=True)
    bar.ax.tick_params(which="minor", length=1.2, width=0.4)
    bar.set_label("\n".join(layout.bar_label), fontsize=style.TEXT_PT, labelpad=1.5, linespacing=style.LINE_SPACING)
    bar.ax.tick_params(labelsize=style.SMALL_PT, pad=1.5)
    bar.outline.set_linewidth(0.4)


def _clipped(scaled: ScaledMaps) -> str:
    """Which ends of the bar are pointed: those beyond which there are values."""
    above = any(bool((one > scaled.limit).any()) for one in scaled.maps)
    below = any(bool((one < -scaled.limit).any()) for one in scaled.maps)
    return {(True, True): "both", (True, False): "max", (False, True): "min"}.get((above, below), "neither")
