"""From the SR images and maps of one image to the panel that figures, the page and the explorer show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from l2xbench.attribution.spread import diffusion_index, footprint, share_outside
from l2xbench.data.metrics import Colour
from l2xbench.draw.panels import Box, HeatmapPanel, NetworkPanel, target_box
from l2xbench.draw.scales import Scale
from l2xbench.draw.zoom import zoom_psnr
from l2xbench.studies.shared.maps import MapRequest, NetworkImage, NetworkMap


@dataclass(frozen=True)
class ShownImage:
    """The image of a panel.

    Attributes:
        dataset: as the reader shall see it; empty where it says nothing.
        name: likewise.
        scale: SR pixels for each LR pixel, along each side.
        lr: (H, W, 3) uint8.
        hr: (sH, sW, 3) uint8, or None.
    """

    dataset: str
    name: str
    scale: int
    lr: np.ndarray
    hr: np.ndarray | None

    @property
    def sr_shape(self) -> tuple[int, int]:
        """Height and width of its SR images."""
        return (self.lr.shape[0] * self.scale, self.lr.shape[1] * self.scale)


def make_panel(
    image: ShownImage,
    networks: Mapping[str, tuple[NetworkImage, NetworkMap]],
    request: MapRequest,
    *,
    zoom: Box | None = None,
    colour: Colour = "y",
    scale_of_colours: Scale = "auto",
) -> HeatmapPanel:
    """The panel of what some networks made of an image and which pixels they used.

    Args:
        image: the image.
        networks: SR image and map of each, by name, in the order in which they are shown; at least one.
        request: what the maps explain, and how.
        zoom: the part of HR and SR to enlarge, whose PSNR is told besides.
        colour: which channels that PSNR counts.
        scale_of_colours: of the maps; see `draw.scales`.
    """
    return HeatmapPanel(
        dataset=image.dataset,
        image=image.name,
        scale=image.scale,
        lr=image.lr,
        hr=image.hr,
        networks=tuple(
            NetworkPanel(
                name=name,
                sr=restored.image,
                values=found.values,
                psnr=restored.psnr,
                ssim=restored.ssim,
                completeness_error=found.completeness_error,
                zoom_psnr=zoom_psnr(restored.image, image.hr, zoom, colour),
                **_spread(found.values, request.target, image.scale),
            )
            for name, (restored, found) in networks.items()
        ),
        method=request.label,
        reference=request.reference,
        target=request.target,
        zoom=zoom,
        scale_of_colours=scale_of_colours,
    )


def _spread(values: np.ndarray, target: str, scale: int) -> dict[str, float]:
    """How far the map of a part of the SR image goes beyond it; nothing for the whole image, or a map that is not
    finite."""
    box = target_box(target)
    if box is None or not np.isfinite(values).all() or not values.any():
        return {}
    return {"outside": share_outside(values, footprint(box, scale)), "diffusion": diffusion_index(values)}
