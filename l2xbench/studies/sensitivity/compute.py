"""Sensitivity-n: do a map's sums over n random features follow what the objective loses without them?

M. Ancona et al., Towards better understanding of gradient-based attribution methods, ICLR 2018.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from l2xbench.attribution.targets import Objective, parse_target
from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.store.units import Arrays, Outcome, Value
from l2xbench.studies.shared import features
from l2xbench.studies.shared.inference import Batches, device_of
from l2xbench.zoo.network import Network


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
    scores = features.feature_values(given["values"], options["granularity"])
    total = len(scores)
    sizes = sorted({round(total ** (place / (options["sizes"] - 1))) for place in range(options["sizes"])})
    changes = _changes(network, pair, options, given["reference"], sizes[:-1], total)
    correlations = [
        _correlation(np.array([scores[places < size].sum() for places in drawn]), np.array(changes.of[size]))
        for size, drawn in _draw(pair, options, sizes[:-1], total)
    ]
    correlations.append(float(scores.sum()) / changes.of_all if changes.of_all else 0.0)
    return Outcome(
        values={
            "sizes": [float(size) for size in sizes],
            "correlation": correlations,
            "seconds": time.perf_counter() - started,
            "network_seconds": changes.network_seconds,
            **changes.divided,
        }
    )


@dataclass(frozen=True)
class _Changes:
    """What the objective loses without each subset, by its size n, and without all features."""

    of: dict[int, list[float]]
    of_all: float
    network_seconds: float
    divided: Mapping[str, Value]


_known: WeakKeyDictionary[Network, dict[tuple[Any, ...], _Changes]] = WeakKeyDictionary()
"""Every method's maps of an image are put to the test on the same subsets: the network answers them once."""


def _draw(
    pair: LoadedPair, options: Mapping[str, Any], sizes: Iterable[int], total: int
) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Each n with the random orders of the features whose first n are a subset.

    One n at a time, and drawn again when they are wanted again: all of a whole image would be hundreds of megabytes.
    """
    draw = features.generator(pair.digest, options["seed"])
    for size in sizes:
        yield size, [draw.permutation(total) for _ in range(options["subsets"])]


def _changes(
    network: Network,
    pair: LoadedPair,
    options: Mapping[str, Any],
    blank: np.ndarray,
    sizes: Iterable[int],
    total: int,
) -> _Changes:
    asked = tuple(options[name] for name in ("granularity", "sizes", "subsets", "target", "seed"))
    key = (pair.digest, sha256(blank.tobytes()).hexdigest(), *asked)
    known = _known.setdefault(network, {})
    if key in known:
        return replace(known[key], network_seconds=0.0)
    lr = images.to_tensor(pair.lr)
    reference = torch.from_numpy(blank)[None]
    batches = Batches(network, device_of(network))
    (whole,), (without,) = (torch.cat(list(batches(image)))[None] for image in (lr, reference))
    target = parse_target(options["target"])
    objective = Objective.of(target, target.window(whole.shape), whole, without)
    inside = (slice(None), *objective.window)

    def lost(outputs: torch.Tensor) -> list[float]:
        change = (whole - outputs)[inside].double() * objective.weights.double()
        found: list[float] = change.flatten(1).sum(1).tolist()
        return found

    changes = {}
    for size, drawn in _draw(pair, options, sizes, total):
        masks = torch.cat([features.masks(places, [size], tuple(lr.shape[1:])) for places in drawn])
        changes[size] = [number for output in batches(torch.where(masks, reference, lr)) for number in lost(output)]
    known[key] = _Changes(changes, float(objective.delta[0]), batches.seconds, batches.divided)
    return known[key]


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 where one of them does not vary."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])
