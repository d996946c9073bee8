"""Sensitivity-n: do a map's sums over n random features follow what the objective loses without them?

M. Ancona et al., Towards better understanding of gradient-based attribution methods, ICLR 2018.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from l2xbench.attribution.targets import Objective, parse_target
from l2xbench.config import Study, tested_methods
from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.studies import features
from l2xbench.studies.base import Arrays, Outcome
from l2xbench.studies.inference import Batches
from l2xbench.zoo.network import Network

NAME = "sensitivity"
VERSION = 1
NEEDS_NETWORK = True


def variants(config: Study) -> list[tuple[str, dict[str, Any]]]:
    """One unit an image, network and method, for all n."""
    wanted = config.sensitivity
    if wanted is None or config.attribution is None:
        return []
    common = {
        "granularity": wanted.granularity,
        "sizes": wanted.sizes,
        "subsets": wanted.subsets,
        "target": config.attribution.target,
        "seed": config.seed,
    }
    return [(method, {"method": method, **common}) for method in tested_methods(config, wanted)]


def needs(options: Mapping[str, Any]) -> tuple[str, str]:
    """The map that is put to the test."""
    return "attribution", options["method"]


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays) -> Outcome:
    """For each n, Pearson's correlation over random subsets of n features: the map's sum, and the objective's change.

    Features are replaced by the map's reference; the objective is sum_t sign(dF_t) F_t over the target, with the signs
    of the whole image's difference. At n = all there is one subset only, and the number is the ratio of the two: 1 for
    a complete map.

    Raises:
        FloatingPointError: the network gave NaN or infinity.
    """
    assert network is not None
    started = time.perf_counter()
    lr = images.to_tensor(pair.lr)
    reference = torch.from_numpy(given["reference"])[None]
    shape = tuple(lr.shape[1:])
    scores = features.feature_values(given["values"], options["granularity"])
    total = len(scores)
    batches = Batches(network)
    (whole,), (without,) = (torch.cat(list(batches(image)))[None] for image in (lr, reference))
    target = parse_target(options["target"])
    objective = Objective.of(target, target.window(whole.shape), whole, without)
    inside = (slice(None), *objective.window)

    def lost(outputs: torch.Tensor) -> list[float]:
        change = (whole - outputs)[inside].double() * objective.weights.double()
        found: list[float] = change.flatten(1).sum(1).tolist()
        return found

    sizes = sorted({round(total ** (place / (options["sizes"] - 1))) for place in range(options["sizes"])})
    draw = features.generator(pair.digest, options["seed"])
    correlations: list[float] = []
    for size in sizes[:-1]:
        orders = [draw.permutation(total) for _ in range(options["subsets"])]
        masks = torch.cat([features.masks(places, [size], shape) for places in orders])
        changes = [number for output in batches(torch.where(masks, reference, lr)) for number in lost(output)]
        sums = [scores[places < size].sum() for places in orders]
        correlations.append(_correlation(np.array(sums), np.array(changes)))
    delta = float(objective.delta[0])
    correlations.append(float(scores.sum()) / delta if delta else 0.0)
    return Outcome(
        values={
            "sizes": [float(size) for size in sizes],
            "correlation": correlations,
            "seconds": time.perf_counter() - started,
            "network_seconds": batches.seconds,
            **({} if batches.tile is None else {"tile": batches.tile}),
        }
    )


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 where one of them does not vary."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
