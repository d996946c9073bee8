"""In which order LR pixels around a patch are hidden."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from l2xbench.attribution.references import make_reference
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.studies.context.units import DIFFERENCE, DISTANCE, NEAR_DIFFERENCE, RANDOM
from l2xbench.studies.shared.features import blurred, generator, ranks
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.studies.shared.patches import SquarePatch

_RANDOM = 0xC0E7
"""Tells the random numbers of these orders from others of the image."""


def orders_around(
    patch: SquarePatch, pair: LoadedPair, options: Mapping[str, Any], values: np.ndarray | None
) -> list[np.ndarray]:
    """Each LR pixel's place in the order, (H W,); several random orders, or one. Pixels under the patch come last.

    Args:
        patch: what is watched.
        pair: the image.
        options: of the unit.
        values: (3, H, W), the map that is followed; None for a control.
    """
    shape = pair.lr.shape[:2]
    under = np.zeros(shape, bool)
    under[patch.footprint(options["scale"])] = True
    numbers = range(options.get("random_orders", 1))
    # the image and the patch decide, not the network: a control hides the same pixels from each
    draws = [generator(pair.digest, options["seed"], _RANDOM, patch.x, patch.y, number) for number in numbers]
    scores: np.ndarray
    if options["method"] == RANDOM:
        scores = np.zeros(shape)
    elif values is None:
        scores = _control(patch, pair, options)
    else:
        summed = (blurred(values) if options["method"] == BLURRED else values).astype(np.float64).sum(axis=0)
        scores = {"absolute": abs(summed), "descending": summed, "ascending": -summed}[options["order"]]
    scores = np.where(under, -np.inf, scores).ravel()
    return [ranks(scores, draw.permutation(scores.size)) for draw in draws]


def _control(patch: SquarePatch, pair: LoadedPair, options: Mapping[str, Any]) -> np.ndarray:
    """(H, W): the largest first; no network is asked."""
    distance = distances_to(patch, pair.lr.shape[:2], options["scale"])
    if options["method"] == DISTANCE:
        return -distance
    lr = to_tensor(pair.lr)
    difference = (lr - make_reference(options["reference"], lr)).abs().double().sum(dim=(0, 1)).numpy()
    if options["method"] == DIFFERENCE:
        return np.asarray(difference)
    assert options["method"] == NEAR_DIFFERENCE, options["method"]
    return np.asarray(difference / distance**2)


def distances_to(patch: SquarePatch, shape: tuple[int, ...], scale: int) -> np.ndarray:
    """(H, W): each LR pixel's distance from the patch's middle, in a straight line, in LR pixels.

    It is at least half a pixel: a patch of one LR pixel has it in its middle.
    """
    rows, columns = (np.arange(length) - middle for length, middle in zip(shape, patch.middle(scale), strict=True))
    return np.asarray(np.maximum(np.hypot(rows[:, None], columns[None, :]), 0.5))
