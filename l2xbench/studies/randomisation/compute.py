"""Does a map depend on what the network has learned?

J. Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018: layers are drawn anew from the output down, and the
map is compared with the trained network's. A map that stays as it was shows the image, not the network.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.shared.inference import device_of, explained
from l2xbench.zoo.network import Network


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays) -> Outcome:
    """Spearman's rank correlation of the map with the trained network's, at each depth: signed and absolute."""
    assert network is not None
    started = time.perf_counter()
    lr = images.to_tensor(pair.lr).to(device_of(network))
    with torch.no_grad():
        layers = list(reversed(layers_in_order(network, lr)))
    changed = copy.deepcopy(network)
    parts = [changed.get_submodule(name) for name in layers]
    generator = torch.Generator().manual_seed(options["map"]["seed"])
    signed: list[float] = []
    absolute: list[float] = []
    done = 0
    for depth in options["depths"]:
        upto = math.ceil(depth * len(parts))
        redraw(parts[done:upto], generator)
        done = upto
        found, _ = explained(changed, lr, **options["map"])
        values = found.values[0].cpu().numpy()
        if not np.isfinite(values).all():
            raise FloatingPointError(f"with {upto} of {len(parts)} layers drawn anew, the map holds NaN or infinity")
        signed.append(_rank_correlation(given["values"].sum(0), values.sum(0)))
        absolute.append(_rank_correlation(abs(given["values"].sum(0)), abs(values.sum(0))))
    return Outcome(
        values={
            "depths": options["depths"],
            "layers": len(parts),
            "spearman": signed,
            "spearman_absolute": absolute,
            "seconds": time.perf_counter() - started,
        }
    )


def layers_in_order(network: nn.Module, lr: Tensor) -> list[str]:
    """Names of the modules that hold trained parameters of their own, in the order in which they are first called."""
    called: list[str] = []
    handles = [
        module.register_forward_pre_hook(lambda *_, name=name: called.append(name))
        for name, module in network.named_modules()
        if any(parameter.requires_grad for parameter in module.parameters(recurse=False))
    ]
    try:
        network(lr)
    finally:
        for handle in handles:
            handle.remove()
    return list(dict.fromkeys(called))


def redraw(layers: Iterable[nn.Module], generator: torch.Generator) -> None:
    """Draw each layer's own trained parameters from a normal distribution of their own mean and deviation.

    The architecture's initial distribution is not always to be had, and deep networks without normalisation need not
    survive it; this keeps the size of what flows through.
    """
    with torch.no_grad():
        for layer in layers:
            for parameter in layer.parameters(recurse=False):
                if parameter.requires_grad:
                    noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
                    spread = parameter.double().std(correction=0)
                    drawn = parameter.double().mean() + spread * noise.to(spread.device)
                    parameter.copy_(drawn)


def _rank_correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's; 0 where one of them is the same everywhere, which tells nothing of the other."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    from scipy.stats import spearmanr  # takes half a second to import, also for studies without this one

    return float(spearmanr(one.ravel(), other.ravel()).statistic)
