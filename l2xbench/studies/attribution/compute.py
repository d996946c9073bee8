"""Attribution maps of each network's output: what the paper's Fig. 2 shows and all further studies start from."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from l2xbench.attribution import Attribution
from l2xbench.attribution.finite import all_finite
from l2xbench.config import Study, explained_methods
from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.store.units import Outcome, Value
from l2xbench.studies.shared.inference import device_of, explained
from l2xbench.zoo.network import Network

NAME = "attribution"
VERSION = 2
NEEDS_NETWORK = True


def variants(config: Study) -> list[tuple[str, dict[str, Any]]]:
    """One unit an image, network and method."""
    wanted = config.attribution
    if wanted is None:
        return []
    common = {key: getattr(wanted, key) for key in ("reference", "target", "strict", "precision")}
    common["seed"] = config.seed
    return [
        (method, {"method": method, **common, **wanted.options.get(method, {})}) for method in explained_methods(config)
    ]


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """Signed attribution of each LR value, (3, H, W), its reference, and how far it is from complete.

    `tile` is the side of the tiles that the network was run on, where memory was too small for the whole image.

    Raises:
        FloatingPointError: the map holds NaN or infinity.
    """
    assert network is not None
    device = device_of(network)
    started = time.perf_counter()
    found, tile = explained(network, images.to_tensor(pair.lr).to(device), **options)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - started
    if not all_finite(found.values):
        raise FloatingPointError("the attribution holds NaN or infinity")
    values: dict[str, Value] = {"seconds": seconds}
    if tile is not None:
        values["tile"] = tile
    for name in ("delta", "completeness_error"):
        number = float(getattr(found, name)[0])
        values[name] = number if math.isfinite(number) else None  # a control runs no network and has neither
    return Outcome(values=values, arrays={"attribution": arrays_of(found)})


def arrays_of(found: Attribution) -> dict[str, np.ndarray]:
    """One image's map as it is kept: `values` (3, H, W), `reference` (3, H, W), `delta` ()."""
    return {name: getattr(found, name)[0].cpu().numpy() for name in ("values", "reference", "delta")}
