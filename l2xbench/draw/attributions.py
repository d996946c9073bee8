"""One map by itself, as `Attribution.plot` and a notebook show it."""

from __future__ import annotations

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter
from numpy.typing import NDArray

from l2xbench.draw import scales, style
from l2xbench.draw.colormap import colour_map, over_image, shared_limit, signed_map
from l2xbench.draw.panels import target_box
from l2xbench.words import words

WIDTH_CM = 8.5
"""A column of a paper."""
BAR_CM = 0.9
TITLE_CM = 1.1
BEYOND = 0.25
"""How far an image in [0, 1] may overshoot, as bicubic makes it do."""


def attribution_figure(
    values: NDArray[np.floating],
    image: NDArray[np.floating],
    *,
    method: str,
    target: str,
    delta: float,
    error: float,
    palette: str = "green-red",
    scale: scales.Scale = "auto",
    enlarged: int | None = None,
) -> Figure:
    """A map over a greyed image, with its colour bar, what it explains and how exactly.

    Args:
        values: (C, H, W), in units of the objective.
        image: (C, H, W), drawn grey underneath: in [0, 1], or, in another range, stretched to that.
        method, target: what they are called.
        delta: the difference that the map explains; NaN for a control.
        error: the map's completeness error.
        palette: see `draw.colormap`.
        scale: `linear`, `symlog`, or `auto`: by the target.
        enlarged: SR pixels for each pixel of the map, along each side; the target is framed where they are known.

    Returns:
        a figure of a column's width.
    """
    total = signed_map(values)
    limit = shared_limit([total])
    said, box = scales.resolved(scale, target), target_box(target)
    height, width = total.shape
    picture_cm = min(WIDTH_CM * height / width, 2 * WIDTH_CM)
    with style.context():
        figure = style.new_figure(WIDTH_CM, picture_cm + TITLE_CM + 2 * BAR_CM)
        tall = picture_cm + TITLE_CM + 2 * BAR_CM
        axes = figure.add_axes((0, 2 * BAR_CM / tall, 1, picture_cm / tall))
        axes.imshow(over_image(total, _levels(image), limit, palette, said), interpolation="nearest")
        axes.set_axis_off()
        if box is not None and enlarged is not None:
            # places of pixels are those of their middles
            y, x, down, across = (number / enlarged for number in box)
            frame = Rectangle((x - 0.5, y - 0.5), across, down, fill=False, edgecolor=style.INK, linewidth=0.9)
            axes.add_patch(frame)
        summed = f"sums to {delta:.4g} in units of the output, {error:.0e} of it off"
        explained = "a control, which runs no network" if np.isnan(delta) else summed
        figure.text(
            0.5, 1 - 0.15 / tall, f"{method}, {target}\n{explained}", ha="center", va="top", fontsize=style.TEXT_PT
        )
        bar = figure.add_axes((0.12, 1.3 * BAR_CM / tall, 0.76, 0.3 * BAR_CM / tall))
        scale_of = ScalarMappable(scales.norm(limit, said), colour_map(palette))
        drawn = figure.colorbar(scale_of, cax=bar, orientation="horizontal", extend="both")
        # half of 0.76 of the width, less the pointed ends
        drawn.set_ticks(scales.ticks(limit, said, 0.34 * WIDTH_CM * style.POINTS_PER_CM))
        drawn.ax.set_xticks(scales.marks(limit, said), minor=True)
        drawn.ax.tick_params(which="minor", length=1.2, width=0.4)
        drawn.ax.xaxis.set_major_formatter(FuncFormatter(scales.signed))
        lr = words(enlarged or 0).lr
        drawn.set_label(
            f"attribution of an {lr} pixel (units of the output{scales.SAID[said]})", fontsize=style.SMALL_PT
        )
    return figure


def _levels(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of (C, H, W) in [0, 1] or a range of the network's own; not three channels are shown grey."""
    grey = image if len(image) == 3 else np.repeat(image.mean(0, keepdims=True), 3, axis=0)
    low, high = float(grey.min()), float(grey.max())
    if low < -BEYOND or high > 1 + BEYOND:
        grey = (grey - low) / max(high - low, 1e-12)
    return np.asarray((255 * np.clip(grey, 0, 1)).round().transpose(1, 2, 0), dtype=np.uint8)
