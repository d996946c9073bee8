"""Attributions of the same small LR crops by every network: what their similarity (the paper's Fig. 3b) is made of."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray

from l2xbench.data import images
from l2xbench.data.datasets import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.store.units import Outcome, Value
from l2xbench.studies.shared.inference import MapBatches, device_of
from l2xbench.words import words
from l2xbench.zoo.load import RANDOM, load_model
from l2xbench.zoo.network import Network


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """Signed attributions of the image's crops, their x - x', both (crops, 3, size, size) float32, and where each lies.

    With the option `untrained`, of the network's untrained twin; nothing but the reason, `twinless`, where it has none,
    as a network whose architecture is read off its checkpoint.

    Raises:
        RequestError: the image has no room for so many crops.
        FloatingPointError: a map holds NaN or infinity.
    """
    assert network is not None
    settings = dict(options)
    size, crops, seed = settings.pop("size"), settings.pop("crops"), settings["seed"]
    corners = crop_corners(pair.name, pair.lr.shape[:2], size, crops, seed, network.scale)
    device = device_of(network)
    if settings.pop("untrained", False):
        try:
            network = untrained_twin(network, seed)
        except RequestError as error:
            return Outcome(values={"crops": 0, "twinless": str(error)})
    started = time.perf_counter()
    maps: list[NDArray[np.float32]] = []
    differences: list[NDArray[np.float32]] = []
    worst, done = 0.0, 0
    cut = [pair.lr[y : y + size, x : x + size] for y, x in corners.tolist()]
    lr = torch.cat([images.to_tensor(one) for one in cut]).to(device)
    batches = MapBatches(network, **settings)
    for found in batches(lr):
        part = lr[done : done + len(found.values)]
        maps.append(found.values.float().cpu().numpy())
        differences.append((part - found.reference).float().cpu().numpy())
        worst = max(worst, float(found.completeness_error.nan_to_num(0).max()))
        done += len(part)
    values: dict[str, Value] = {
        "seconds": time.perf_counter() - started,
        "crops": crops,
        "completeness_error": worst,
        **batches.divided,
    }
    arrays: dict[str, NDArray[Any]] = {
        "values": np.concatenate(maps),
        "difference": np.concatenate(differences),
        "corners": corners,
    }
    return Outcome(values=values, arrays={"similarity": arrays})


_twins: WeakKeyDictionary[Network, tuple[int, Network]] = WeakKeyDictionary()


def untrained_twin(network: Network, seed: int) -> Network:
    """The same architecture with its own initial weights, which the card's name and the seed decide.

    Two trainings of one architecture have two twins. A twin is built once for the images that a worker explains.

    Raises:
        RequestError: the network cannot be had with initial weights.
    """
    known = _twins.get(network)
    if known is not None and known[0] == seed:
        return known[1]
    digest = hashlib.sha256(f"{seed} {network.card.name}".encode()).digest()
    drawn = int.from_bytes(digest[:4], "big")
    # whoever has the trained network at work has trusted its card
    twin = load_model(network.card, weights=RANDOM, device=device_of(network), trust=True, seed=drawn)
    if twin.scale != network.scale:
        twin.run_at(network.scale)
    _twins[network] = (seed, twin)
    return twin


def crop_corners(image: str, shape: tuple[int, ...], size: int, crops: int, seed: int, scale: int) -> NDArray[np.int64]:
    """The top left corners (crops, 2) of different crops of an image, decided by its name and the seed alone.

    The scale says what its pixels are called, where there is no room.

    Raises:
        RequestError: the image has not so many places for a crop of this size.
    """
    height, width = shape[0] - size + 1, shape[1] - size + 1
    if height < 1 or width < 1:
        raise RequestError(
            f"similarity.size: a crop of {size} x {size} {words(scale).lr} pixels does not fit into {shape[1]} x "
            f"{shape[0]}"
        )
    if height * width < crops:
        raise RequestError(
            f"similarity.crops: {crops} different crops of {size} x {size} were asked for; an image of {shape[1]} x "
            f"{shape[0]} has {height * width}"
        )
    digest = hashlib.sha256(f"{seed} {image}".encode()).digest()
    places = np.random.default_rng(list(digest)).choice(height * width, size=crops, replace=False)
    return np.stack(np.divmod(places, width), axis=1)
