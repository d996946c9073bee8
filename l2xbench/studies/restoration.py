"""Super-resolution and its fidelity: the paper's Table 1."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from l2xbench.config import Study
from l2xbench.data import images, metrics
from l2xbench.data.datasets import LoadedPair
from l2xbench.studies.base import Outcome, Value
from l2xbench.studies.inference import device_of, fitting, super_resolve
from l2xbench.zoo.network import Network

NAME = "restoration"
VERSION = 1
NEEDS_NETWORK = True


def variants(config: Study) -> list[tuple[str, dict[str, Any]]]:
    """One unit an image and network."""
    border = config.scale if config.restoration.border is None else config.restoration.border
    return [("", {"colour": config.restoration.colour, "border": border})]


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """The SR image, rounded to 8 bits, and its PSNR in dB and SSIM against HR where there is an HR image.

    `tile` is the side of the tiles that the network was run on, where memory was too small for the whole image.

    Raises:
        FloatingPointError: the network gave NaN or infinity.
    """
    assert network is not None
    device = device_of(network)
    lr = images.to_tensor(pair.lr).to(device)
    started = time.perf_counter()
    output, tile = fitting(partial(super_resolve, network, lr), lr)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - started
    if not torch.isfinite(output).all():
        raise FloatingPointError("the network's output holds NaN or infinity")
    sr = images.to_image(output)
    values: dict[str, Value] = {"seconds": seconds, "parameters": network.parameter_count, "psnr": None, "ssim": None}
    if tile is not None:
        values["tile"] = tile
    if pair.hr is not None:
        border, colour = options["border"], options["colour"]
        values["psnr"] = metrics.psnr(sr, pair.hr, border, colour)
        values["ssim"] = metrics.ssim(sr, pair.hr, border, colour)
    return Outcome(values=values, images={"sr": sr})
