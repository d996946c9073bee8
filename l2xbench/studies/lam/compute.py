"""One map of a window, its diffusion index, and how well the window was restored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2xbench.attribution.spread import diffusion_index
from l2xbench.data import metrics
from l2xbench.data.images import to_image, to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.shared.inference import device_of
from l2xbench.studies.shared.maps import network_map, upscaled
from l2xbench.words import words
from l2xbench.zoo.network import Network


def compute(network: Network, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None) -> Outcome:
    """The map, (3, H, W) with its signs, and the SR pixels of the window; nothing for an image without this window.

    Raises:
        RequestError: the window is not within the image.
        FloatingPointError: the map or the SR image holds NaN or infinity.
    """
    if pair.name not in options["images"]:
        return Outcome(values={"di": None})
    x, y, size = options["window"]
    height, width = (length * network.scale for length in pair.lr.shape[:2])
    if x + size > width or y + size > height:
        raise RequestError(
            f"the window {x},{y},{size} (left, top, side) is not within the {width} x {height} "
            f"{words(network.scale).sr} pixels of {pair.name}"
        )
    settings = {**options["map"], "target": f"patch:{y},{x},{size},{size}"}
    found = network_map(network, pair.lr, settings, hr=pair.hr, others=(given or {}).values())
    output = upscaled(network, to_tensor(pair.lr).to(device_of(network))).output
    patch = to_image(output[:, :, y : y + size, x : x + size])
    hr = None if pair.hr is None else pair.hr[y : y + size, x : x + size]
    return Outcome(
        values={
            "di": diffusion_index(found.values),
            "psnr": None if hr is None else metrics.psnr(patch, hr, 0, options["colour"]),
            "seconds": found.seconds,
            **({} if found.tile is None else {"tile": found.tile}),
        },
        images={"patch": patch},
        arrays={"map": {"values": found.values}},
    )
