"""Super-resolution and its fidelity: the paper's Table 1."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from l2xbench.attribution.finite import all_finite
from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.data.metrics import Colour, Comparison
from l2xbench.store.units import Outcome, Value
from l2xbench.studies.restoration.counted import counted
from l2xbench.studies.shared.inference import device_of
from l2xbench.studies.shared.maps import upscaled
from l2xbench.studies.shared.passes import passes_of
from l2xbench.studies.shared.randomness import is_random
from l2xbench.zoo.network import Network


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """The SR image, rounded to 8 bits, and its PSNR in dB and SSIM against HR where there is an HR image.

    `flops` and `memory` are counted for one LR size, see `counted`; `uncounted` says why they are not.
    `tile` is the side of the tiles that the network was run on, where memory was too small for the whole image. All
    but the network's pass comes `later`: rounding and measuring take as long as a small network does.

    Raises:
        FloatingPointError: the network gave NaN or infinity (later).
    """
    assert network is not None
    lr = images.to_tensor(pair.lr).to(device_of(network))
    passes = passes_of(network, options, pair)
    output, tile, seconds = upscaled(passes.network, lr)
    values: dict[str, Value] = {"seconds": seconds, "parameters": network.parameter_count, "psnr": None, "ssim": None}
    if is_random(network, lr):
        values["random"] = True
    if passes.told:
        values["inference"] = passes.told
    if tile is not None:
        values["tile"] = tile
    takes = counted(network)
    values |= {"flops": takes.flops, "memory": takes.memory}
    if takes.reason:
        values["uncounted"] = takes.reason
    return Outcome(values=values, later=partial(_measured, output.cpu(), pair.hr, options["border"], options["colour"]))


def _measured(output: Tensor, hr: np.ndarray | None, border: int, colour: Colour) -> Outcome:
    if not all_finite(output):
        raise FloatingPointError("the network's output holds NaN or infinity")
    values: dict[str, Value] = {}
    if hr is not None:
        (psnr,), (ssim,) = Comparison(hr, border, colour)(output)
        values = {"psnr": psnr, "ssim": ssim}
    return Outcome(values, images={"sr": images.to_image(output)})
