"""An image of the page in a form that a browser reads: pictures by address or whole, maps as 16-bit floats."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from l2xbench.config import StudyConfig
from l2xbench.data.colour import luma
from l2xbench.draw.panels import scaled_maps
from l2xbench.store.records import Record
from l2xbench.store.store import Store
from l2xbench.studies.image_view import ImageRecords, ImageView

LARGEST = 2.0**15
"""The size that a map's largest value gets as a 16-bit float, so that values down to 1e-9 of it keep three digits."""


def image_data(view: ImageView, store: Store, config: StudyConfig, of: ImageRecords, *, embed: bool) -> dict[str, Any]:
    """Everything that the page shows of one image.

    Args:
        view: loads pictures and maps.
        store: where its files lie.
        config: the study.
        of: the image.
        embed: whether pictures are in it whole, or by their address below the results folder.
    """

    def picture(record: Record, what: str) -> str:
        path = record.files[what]
        if not embed:
            return quote(path)
        return "data:image/png;base64," + base64.b64encode((store.root / path).read_bytes()).decode()

    pictures = view.panels(store, config, of)
    names = list(of.restored)
    methods = []
    for method in of.explained:
        panel = pictures.panel(method)
        scaled = scaled_maps(panel)
        maps = [
            {
                "network": names.index(network.name),
                "error": network.completeness_error,
                "outside": network.outside,
                "diffusion": network.diffusion,
                **halves(values),
            }
            for network, values in zip(panel.networks, scaled.maps, strict=True)
        ]
        how = {"unit": scaled.unit, "limit": scaled.limit, "scale": scaled.scale}
        methods.append({"name": method, **how, "maps": maps})
    grey = np.rint(luma(pictures.lr)).astype(np.uint8)
    return {
        "lr": picture(of.inputs, "lr"),
        "hr": picture(of.inputs, "hr") if "hr" in of.inputs.files else None,
        "grey": base64.b64encode(grey.tobytes()).decode(),
        "networks": [
            {
                "name": name,
                "sr": picture(record, "sr"),
                "psnr": _finite(record.number("psnr")),
                "ssim": record.number("ssim"),
            }
            for name, record in of.restored.items()
        ],
        "methods": methods,
    }


def halves(values: NDArray[np.float64]) -> dict[str, Any]:
    """A map (H, W) as base64 of little-endian 16-bit floats, and what to multiply them by; infinite values are NaN.

    The relative error is at most 2^-11.
    """
    finite = np.where(np.isfinite(values), values, np.nan)
    largest = float(np.nanmax(np.abs(finite), initial=0.0))
    scale = largest / LARGEST if largest > 0 else 1.0
    return {"scale": scale, "data": base64.b64encode((finite / scale).astype("<f2").tobytes()).decode()}


def data_size(of: ImageRecords) -> tuple[int, int]:
    """Bytes of an image's maps in the page, and of its pictures on disk, without reading either."""
    pixels = int(of.inputs.values["height"]) * int(of.inputs.values["width"])  # type: ignore[arg-type]
    maps = sum(len(networks) for networks in of.explained.values())
    pictures = sum(of.inputs.sizes.values()) + sum(record.sizes["sr"] for record in of.restored.values())
    return (2 * maps + 1) * pixels * 4 // 3, pictures


def script_json(value: Any) -> str:
    """JSON that stands inside a `<script>` element: no text of it can end the element or start a comment."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _finite(value: float | None) -> float | str | None:
    """JSON has no infinity, which is what PSNR is where SR equals HR."""
    return "∞" if value == float("inf") else value
