"""Attribution maps of each network's output: what the paper's Fig. 2 shows and all further studies start from."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import torch

from l2xbench.attribution import explain
from l2xbench.config import Study, explained_methods
from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.studies.base import Outcome, Value
from l2xbench.zoo.network import Network

NAME = "attribution"
VERSION = 1
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
    """Signed attribution of each LR value, (3, H, W), its reference, and how far it is from complete."""
    assert network is not None
    device = next(iter(network.parameters()), torch.empty(0)).device
    started = time.perf_counter()
    found = explain(network, images.to_tensor(pair.lr).to(device), **options)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    seconds = time.perf_counter() - started
    if not torch.isfinite(found.values).all():
        raise FloatingPointError("the attribution holds NaN or infinity")
    arrays = {
        "values": found.values[0].cpu().numpy(),
        "reference": found.reference[0].cpu().numpy(),
        "delta": found.delta[0].cpu().numpy(),
    }
    values: dict[str, Value] = {"seconds": seconds}
    for name in ("delta", "completeness_error"):
        number = float(getattr(found, name)[0])
        values[name] = number if math.isfinite(number) else None  # a control runs no network and has neither
    return Outcome(values=values, arrays={"attribution": arrays})
