"""What a heatmap figure shows: pictures and maps, the unit of their numbers, the part worth drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from l2xbench.draw import scales
from l2xbench.draw.colormap import shared_limit, signed_map
from l2xbench.draw.scales import Scale
from l2xbench.words import words

Box = tuple[int, int, int, int]  # y, x, height, width


@dataclass(frozen=True)
class NetworkPanel:
    """What one network made of the image.

    Attributes:
        name: as the reader shall see it.
        sr: (sH, sW, 3) uint8.
        values: (C, H, W) or (H, W), signed attribution in units of the output's range [0, 1].
        psnr: dB, or None without an HR image.
        ssim: or None.
        completeness_error: |sum R - delta| / max(|delta|, 1e-3 sum |R|), or None where it was not measured.
        zoom_psnr: dB, of the enlarged part alone; None where there is none.
        outside: share of the map's |attribution| outside the target's own LR pixels; None for the whole image.
        diffusion: LAM's diffusion index of the map; None for the whole image.
    """

    name: str
    sr: NDArray[np.uint8]
    values: NDArray[np.floating]
    psnr: float | None
    ssim: float | None
    completeness_error: float | None
    zoom_psnr: float | None = None
    outside: float | None = None
    diffusion: float | None = None


@dataclass(frozen=True)
class HeatmapPanel:
    """One image and the networks that upscaled it.

    Attributes:
        lr: (H, W, 3) uint8.
        hr: (sH, sW, 3) uint8 or larger (it is cropped to the SR's size), or None.
        target: what was explained: `image`, `patch:y,x,h,w` or `neuron:c,y,x`, in SR pixels.
        zoom: y, x, height, width in SR pixels of a part to enlarge: HR and SR then show that part alone, and
            a frame in the LR image says where it lies.
        scale_of_colours: of the maps; see `draw.scales`.
    """

    dataset: str
    image: str
    scale: int
    lr: NDArray[np.uint8]
    hr: NDArray[np.uint8] | None
    networks: tuple[NetworkPanel, ...]
    method: str
    reference: str
    target: str
    zoom: Box | None = None
    scale_of_colours: Scale = "auto"

    def __post_init__(self) -> None:
        if not self.networks:
            raise ValueError("a heatmap panel needs at least one network")
        height, width = self.lr.shape[:2]
        enlarged = (height * self.scale, width * self.scale)
        for network in self.networks:
            mapped, upscaled = network.values.shape[-2:], network.sr.shape[:2]
            if mapped != (height, width):
                raise ValueError(f"{network.name}: a map of {mapped}, an LR image of {(height, width)}")
            if upscaled != enlarged:
                raise ValueError(f"{network.name}: an SR image of {upscaled}, not {enlarged}")

    @property
    def is_complete(self) -> bool:
        """Whether the method's maps sum to the objective's difference, as far as was measured."""
        errors = [n.completeness_error for n in self.networks if n.completeness_error is not None]
        return bool(errors) and median(errors) <= _COMPLETE

    @property
    def target_box(self) -> Box | None:
        """The SR pixels of a `patch` or a `neuron`; None for any other target."""
        return target_box(self.target)


def target_box(target: str) -> Box | None:
    """The SR pixels of `patch:y,x,h,w` or `neuron:c,y,x`; None for any other target."""
    kind, _, numbers = target.partition(":")
    try:
        values = [int(number) for number in numbers.split(",")]
    except ValueError:
        return None
    if kind == "patch" and len(values) == 4:
        return (values[0], values[1], values[2], values[3])
    if kind == "neuron" and len(values) == 3:
        return (values[1], values[2], 1, 1)
    return None


# A method counts as complete when its maps miss the objective's difference by less than this: then its values
# have the unit of the output.
_COMPLETE = 0.05


class ScaledMaps(NamedTuple):
    """A panel's maps as the numbers of the colour bar, which figure, page and explorer share.

    Attributes:
        maps: (H, W) each.
        unit: what these numbers are.
        limit: the value of the full colour, see `colormap.shared_limit`.
        scale: how values up to it are shaded, `linear` or `symlog`.
    """

    maps: list[NDArray[np.float64]]
    unit: str
    limit: float
    scale: str

    @property
    def label(self) -> str:
        """What stands at the colour bar: the unit, and how values are shaded where that is not in proportion."""
        return self.unit.removesuffix(")") + scales.SAID[self.scale] + ")"


def scaled_maps(panel: HeatmapPanel) -> ScaledMaps:
    """The panel's maps, (H, W) each, in the unit that `heatmap_figure` explains, on one scale of colours."""
    maps = [signed_map(network.values) for network in panel.networks]
    if not panel.is_complete:
        shares = [one / _mean_size(one) for one in maps]
        return _with_limit(panel, shares, "1 = the map's mean |attribution|")
    box = panel.target_box
    if panel.target == "image":
        samples, unit = 3 * panel.scale**2, f"grey levels of 255 per {words(panel.scale).sr} sample"
    elif box is not None and panel.target.startswith("patch:"):
        samples, unit = 3 * box[2] * box[3], "grey levels of 255 per sample of the patch"
    else:
        samples, unit = 1, "grey levels of 255"
    return _with_limit(panel, [255 * one / samples for one in maps], unit)


def _with_limit(panel: HeatmapPanel, maps: list[NDArray[np.float64]], unit: str) -> ScaledMaps:
    scale = scales.resolved(panel.scale_of_colours, panel.target)
    return ScaledMaps(maps, f"attribution of an {words(panel.scale).lr} pixel ({unit})", shared_limit(maps), scale)


def _mean_size(one: NDArray[np.float64]) -> float:
    finite = np.abs(one[np.isfinite(one)])
    return float(finite.mean()) if finite.any() else 1.0


_FILLED = {"linear": 0.98, "symlog": 0.999}
"""The share of the |attribution| that has a colour to be seen, by scale."""


def local_view(panel: HeatmapPanel, maps: Sequence[NDArray[np.float64]]) -> Box | None:
    """The part of the maps, in SR pixels, that a small target's attributions fill; None where that is most.

    It is centred on the target, has the image's proportions, and holds 98 % of the |attribution| of every
    network, or 99.9 % where the scale shows them too.
    """
    box = panel.target_box
    if box is None:
        return None
    rows, columns = panel.lr.shape[:2]
    y, x, height, width = (number / panel.scale for number in box)
    middle_y, middle_x = y + height / 2, x + width / 2
    grid_y, grid_x = np.mgrid[:rows, :columns] + 0.5
    away = np.maximum(np.abs(grid_y - middle_y) / rows, np.abs(grid_x - middle_x) / columns)
    order = np.argsort(away, axis=None)
    filled = _FILLED[scales.resolved(panel.scale_of_colours, panel.target)]
    half = max(height / rows, width / columns, 6 / min(rows, columns))
    for one in maps:
        inside = np.cumsum(np.abs(np.nan_to_num(one, nan=0.0, posinf=0.0, neginf=0.0)).ravel()[order])
        if inside[-1] > 0:
            half = max(half, float(away.ravel()[order[np.searchsorted(inside, filled * inside[-1])]]))
    if half > 0.3:
        return None
    tall, wide = math.ceil(2.2 * half * rows), math.ceil(2.2 * half * columns)
    top = min(max(round(middle_y - tall / 2), 0), rows - tall)
    left = min(max(round(middle_x - wide / 2), 0), columns - wide)
    return (top * panel.scale, left * panel.scale, tall * panel.scale, wide * panel.scale)
