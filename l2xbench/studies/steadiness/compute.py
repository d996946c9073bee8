"""The infidelity and max-sensitivity of one map."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch

from l2xbench.attribution.targets import Objective, parse_target
from l2xbench.data import images
from l2xbench.data.pairs import LoadedPair
from l2xbench.store.units import Arrays, Outcome, Value
from l2xbench.studies.shared.features import generator
from l2xbench.studies.shared.inference import Batches, MapBatches, device_of
from l2xbench.studies.steadiness.measures import infidelity, max_sensitivity, predicted_changes, scaled_infidelity
from l2xbench.system.lru import RecentlyUsed
from l2xbench.zoo.network import Network

_SQUARES, _NEAR = 0x5C0A, 0x4EA2
"""Tell the random numbers of squares and of images near by from others of the image."""
_LARGEST = 4
"""Squares have sides up to this part of the image's shorter side."""


def compute(network: Network, pair: LoadedPair, options: Mapping[str, Any], given: Arrays) -> Outcome:
    """Three numbers of a map; squares and images near by are the same for every network and method.

    Raises:
        FloatingPointError: the network or a map gave NaN or infinity.
    """
    started = time.perf_counter()
    settings = options["map"]
    squares = _squares(pair, options)
    changes = _changes(network, pair, options, given["reference"], squares)
    image, values = (each.astype(np.float64) for each in (images.to_tensor(pair.lr)[0].numpy(), given["values"]))
    each = predicted_changes(values, image - given["reference"].astype(np.float64), image, options["method"]).sum(0)
    predicted = np.array([each[square].sum() for square in squares.numpy()])
    near = _maps_near_by(network, pair, options, settings)
    return Outcome(
        values={
            "infidelity": infidelity(predicted, changes.of),
            "scaled_infidelity": scaled_infidelity(predicted, changes.of),
            "max_sensitivity": max_sensitivity(values, near),
            "seconds": time.perf_counter() - started,
            "network_seconds": changes.seconds,
            **changes.divided,
        }
    )


@dataclass(frozen=True)
class _Changes:
    """What the objective loses with each square replaced by the reference, (perturbations,)."""

    of: np.ndarray
    seconds: float
    divided: Mapping[str, Value]


_known: WeakKeyDictionary[Network, RecentlyUsed[Any, _Changes]] = WeakKeyDictionary()
"""Every method's map of an image is put to the test on the same squares: the network answers them once."""


def _changes(
    network: Network, pair: LoadedPair, options: Mapping[str, Any], blank: np.ndarray, squares: torch.Tensor
) -> _Changes:
    def made() -> _Changes:
        lr, reference = images.to_tensor(pair.lr), torch.from_numpy(blank)[None]
        batches = Batches(network, device_of(network))
        (whole,), (without,) = (torch.cat(list(batches(image)))[None] for image in (lr, reference))
        target = parse_target(options["map"]["target"])
        objective = Objective.of(target, target.window(whole.shape), whole, without)
        inside = (slice(None), *objective.window)
        found: list[float] = []
        for output in batches(torch.where(squares[:, None], reference, lr)):
            lost = (whole - output)[inside].double() * objective.weights.double()
            found += lost.flatten(1).sum(1).tolist()
        return _Changes(np.array(found), batches.seconds, batches.divided)

    asked = (options["map"]["target"], options["perturbations"], options["seed"])
    key = (pair.digest, sha256(blank.tobytes()).hexdigest(), *asked)
    return _known.setdefault(network, RecentlyUsed(4)).get(key, made)


def _squares(pair: LoadedPair, options: Mapping[str, Any]) -> torch.Tensor:
    """(perturbations, H, W): true within a square, of a random side at a random place."""
    height, width = pair.lr.shape[:2]
    draw = generator(pair.digest, options["seed"], _SQUARES)
    found = np.zeros((options["perturbations"], height, width), bool)
    for square in found:
        side = int(draw.integers(1, max(1, min(height, width) // _LARGEST) + 1))
        top, left = (int(draw.integers(length - side + 1)) for length in (height, width))
        square[top : top + side, left : left + side] = True
    return torch.from_numpy(found)


def _maps_near_by(
    network: Network, pair: LoadedPair, options: Mapping[str, Any], settings: Mapping[str, Any]
) -> Iterator[np.ndarray]:
    """Maps of images whose values differ from the image's by at most the radius, each explained as it is."""
    lr = images.to_tensor(pair.lr)
    draw = generator(pair.digest, options["seed"], _NEAR)
    moved = [draw.uniform(-options["radius"], options["radius"], lr.shape) for _ in range(options["samples"])]
    near = torch.cat([lr + torch.from_numpy(each).to(lr) for each in moved]).to(device_of(network))
    # methods that draw random numbers are to draw the same for each, and would not in a batch
    for found in MapBatches(network, together=settings["method"] == "l2x", **settings)(near):
        yield from found.values.cpu().numpy().astype(np.float64)
