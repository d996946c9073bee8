"""One network, image and order: LR pixels around each patch are hidden, and the patch is watched."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from l2xbench.data import metrics
from l2xbench.data.images import to_image, to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.store.units import Outcome
from l2xbench.studies.context.orders import orders_around
from l2xbench.studies.shared import features
from l2xbench.studies.shared.inference import Batches, device_of
from l2xbench.studies.shared.passes import passes_of
from l2xbench.studies.shared.patches import SquarePatch, patch_maps, patches_of
from l2xbench.system.lru import RecentlyUsed
from l2xbench.words import words
from l2xbench.zoo.network import Network

_wholes: WeakKeyDictionary[Network, RecentlyUsed[tuple[str, str], Tensor]] = WeakKeyDictionary()
"""The SR image with nothing hidden, which all orders of an image share."""


def compute(
    network: Network, pair: LoadedPair, options: Mapping[str, Any], others: Iterable[np.ndarray] = ()
) -> Outcome:
    """What each patch loses and how much it changes, a row a patch, a column a number of hidden pixels.

    `loss` is the fall of the patch's PSNR in dB, on 8-bit pixels as papers measure them, below 0 where it rises; no
    rows without HR. `change` is the mean absolute change of its SR pixels in grey levels, over the three channels. Of
    random orders they are means.

    Raises:
        RequestError: a patch is not within the image, or there are not so many pixels to hide.
        FloatingPointError: the network or a map gave NaN or infinity.
    """
    started = time.perf_counter()
    patches = patches_of(pair, options)
    _require_enough(patches, pair, options)
    maps = patch_maps(network, pair, patches, options["map"], others) if "map" in options else None
    passes = passes_of(network, options, pair)
    batches = Batches(passes.network, device_of(network))
    lr = to_tensor(pair.lr)
    key = (pair.digest, passes.told)
    whole = _wholes.setdefault(network, RecentlyUsed(1)).get(key, lambda: torch.cat(list(batches(lr))))
    psnr: list[float] = []
    loss: list[list[float]] = []
    change: list[list[float]] = []
    for number, patch in enumerate(patches):
        orders = orders_around(patch, pair, options, None if maps is None else maps.values[number])
        seen = _seen(patch, orders, lr, batches, pair, options)
        kept = patch.cut(whole)
        moved = 255 * (seen.clamp(0, 1) - kept.clamp(0, 1)).abs().double().mean(dim=(1, 2, 3))
        change.append(_by_count(moved.tolist(), len(orders)))
        if pair.hr is not None:
            hr = pair.hr[patch.y : patch.y + patch.size, patch.x : patch.x + patch.size]
            best = _psnr(kept, hr, options)
            psnr.append(best)
            loss.append(_by_count([best - _psnr(each[None], hr, options) for each in seen], len(orders)))
    return Outcome(
        values={
            **{name: options[name] for name in ("method", "order")},
            "hidden": [float(count) for count in options["hidden"]],
            "patches": [[float(patch.x), float(patch.y)] for patch in patches],
            "psnr": psnr,
            "loss": loss,
            "change": change,
            "seconds": time.perf_counter() - started,
            "network_seconds": batches.seconds,
            **({} if maps is None else {"map_seconds": maps.seconds}),
            **({"inference": passes.told} if passes.told else {}),
            **batches.divided,
        }
    )


def _seen(
    patch: SquarePatch,
    orders: list[np.ndarray],
    lr: Tensor,
    batches: Batches,
    pair: LoadedPair,
    options: Mapping[str, Any],
) -> Tensor:
    """(orders x numbers, 3, size, size): the patch's SR pixels, order by order, as ever more of LR is hidden."""
    masks = torch.cat([features.masks(places, options["hidden"], tuple(lr.shape[1:])) for places in orders])
    kept = features.without(lr, masks, options["replacement"], options["reference"], pair.digest, options["seed"])
    return torch.cat([patch.cut(sr).clone() for sr in batches(kept)])


def _by_count(numbers: list[float], orders: int) -> list[float]:
    """The mean over the orders, for each number of hidden pixels."""
    found: list[float] = np.reshape(numbers, (orders, -1)).mean(axis=0).tolist()
    return found


def _psnr(sr: Tensor, hr: np.ndarray, options: Mapping[str, Any]) -> float:
    """PSNR of a patch (1, 3, size, size); of one that equals HR, one grey level in one pixel counts as wrong."""
    highest = 10 * math.log10(255.0**2 * hr.shape[0] * hr.shape[1])
    return min(metrics.psnr(to_image(sr), hr, 0, options["colour"]), highest)


def _require_enough(patches: list[SquarePatch], pair: LoadedPair, options: Mapping[str, Any]) -> None:
    height, width = pair.lr.shape[:2]
    called = words(options["scale"])
    for patch in patches:
        rows, columns = patch.footprint(options["scale"])
        outside = height * width - (rows.stop - rows.start) * (columns.stop - columns.start)
        if max(options["hidden"]) > outside:
            raise RequestError(
                f"context.hidden: {max(options['hidden'])} {called.lr} pixels are to be hidden, and {pair.name} has "
                f"{outside} outside a patch of {patch.size} x {patch.size} {called.sr} pixels"
            )
