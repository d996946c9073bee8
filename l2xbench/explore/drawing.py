"""What a tab has found, as pictures, numbers and files for the page."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from l2xbench.attribution.spread import footprint, share_outside
from l2xbench.draw import scales
from l2xbench.draw.colormap import colour_map, over_image
from l2xbench.draw.heatmaps import heatmap_bytes
from l2xbench.draw.panels import Box, HeatmapPanel, local_view, scaled_maps, target_box
from l2xbench.explore.workbench import Answer
from l2xbench.words import words

_HALF_PT = 60
"""Half the colour bar's length as it were in print, which decides how many numbers stand at it."""
_OVERVIEW = 400
"""Pixels on the longer side of the small picture of a whole image."""


@dataclass(frozen=True)
class DrawnMap:
    """A network's map: `picture` is a PNG of one pixel an LR pixel, `values` (h, w) float32 in the drawing's unit."""

    picture: bytes
    values: bytes


@dataclass(frozen=True)
class Drawing:
    """All maps of a panel on one colour scale.

    Attributes:
        view: y, x, height, width in LR pixels: the part that the maps fill, or the whole.
        limit: the value of the full colour.
        unit: what the values are, and how they are shaded.
        bar: a PNG of the colours from -limit to limit, one pixel high.
        ticks: numbers at the bar, and where they stand, 0 to 1.
    """

    maps: dict[str, DrawnMap]
    view: Box
    limit: float
    unit: str
    bar: bytes
    ticks: list[tuple[float, str]]


class Number(NamedTuple):
    """A line under a map."""

    name: str
    value: str
    meaning: str


def draw(panel: HeatmapPanel, palette: str, *, near: bool) -> Drawing:
    """The maps of a panel as `heatmap_figure` would draw them.

    Args:
        near: show only the part of the image that the maps fill.
    """
    scaled = scaled_maps(panel)
    view = local_view(panel, scaled.maps) if near else None
    whole = (0, 0, *panel.lr.shape[:2])
    y, x, height, width = (length // panel.scale for length in view) if view else whole
    maps = {
        network.name: DrawnMap(
            png(over_image(values, panel.lr, scaled.limit, palette, scaled.scale)),
            np.ascontiguousarray(values, "<f4").tobytes(),
        )
        for network, values in zip(panel.networks, scaled.maps, strict=True)
    }
    colours = colour_map(palette)(np.linspace(0, 1, 255))[None, :, :3]
    places = scales.norm(scaled.limit, scaled.scale)
    ticks = scales.ticks(scaled.limit, scaled.scale, _HALF_PT, most=4)
    return Drawing(
        maps=maps,
        view=(y, x, height, width),
        limit=scaled.limit,
        unit=scaled.label,
        bar=png(np.rint(255 * colours).astype(np.uint8)),
        ticks=[(float(places(tick)), scales.signed(tick)) for tick in ticks],
    )


def numbers(answer: Answer, scale: int) -> list[Number]:
    """What is said under a map.

    Args:
        scale: SR pixels for each LR pixel, along each side.
    """
    lines = []
    found = answer.found
    if found.delta is not None:
        meaning = "What the map explains: the objective for the image, less that for the reference"
        lines.append(Number("delta", _delta(answer, found.delta, scale), meaning))
    if found.completeness_error is not None:
        meaning = "How far the map's sum is from delta, as a share of delta"
        lines.append(Number("completeness error", f"{found.completeness_error:.1e}", meaning))
    time = f"{found.seconds:.2g} s" if found.seconds < 10 else f"{found.seconds:.0f} s"
    box = target_box(answer.request.target)
    if box is not None:
        outside = share_outside(found.values, footprint(box, scale))
        lr = words(scale).lr
        meaning = f"The part of the sum of |map| that lies outside the patch's own {lr} pixels"
        lines.append(Number("outside the patch", f"{outside:.1%}", meaning))
    return [
        *lines,
        Number("positive share", f"{answer.positive:.0%}", "The part of the sum of |map| that lies in positive pixels"),
        Number("diffusion index", f"{answer.diffusion:.2f}", "LAM's: near 0 where few pixels count, 100 where all do"),
        Number("time", time, "To make this map"),
    ]


def _delta(answer: Answer, delta: float, scale: int) -> str:
    if answer.request.method == "lam":  # its detector's answer is no sum over samples
        return f"{delta:.4g}"
    box = target_box(answer.request.target)
    pixels = box[2] * box[3] if box else answer.found.values[0].size * scale**2
    return f"{delta:.4g} ({255 * delta / (3 * pixels):.1f} grey levels a sample)"


def figure(panel: HeatmapPanel, palette: str, ending: Literal[".png", ".pdf"]) -> bytes:
    """The figure that `l2xbench explain` would write."""
    return heatmap_bytes(panel, palette)[ending.removeprefix(".")]


def png(image: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as a PNG, quickly rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def overview(lr: np.ndarray) -> bytes:
    """A small picture of a whole LR image, as a PNG."""
    small = Image.fromarray(lr)
    small.thumbnail((_OVERVIEW, _OVERVIEW))  # never enlarges
    return png(np.asarray(small))
