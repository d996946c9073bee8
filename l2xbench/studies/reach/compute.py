"""How much of each patch's map lies how far from it, of one network, image and method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from l2xbench.attribution.spread import diffusion_index, distances, radii_holding, share_outside, shares_beyond
from l2xbench.data.pairs import LoadedPair
from l2xbench.store.units import Outcome
from l2xbench.studies.shared.patches import SquarePatch, patch_maps, patches_of
from l2xbench.zoo.network import Network

SHARES = (0.5, 0.9, 0.99)
"""The shares of |R| whose radii are told."""
LIMITS = (4, 8, 16)
"""LR pixels, beyond which shares are told."""


def compute(
    network: Network, pair: LoadedPair, options: Mapping[str, Any], others: Iterable[np.ndarray] = ()
) -> Outcome:
    """The radii and shares of each patch, diffusion index, and the share beyond 0, 1, 2, ... LR pixels.

    Raises:
        RequestError: a patch is not within the image.
        AttributionError: the network cannot be explained so.
        FloatingPointError: a map holds NaN or infinity.
    """
    patches = patches_of(pair, options)
    maps = patch_maps(network, pair, patches, options["map"], others)
    found = [spread_of(values, patch, options["scale"]) for values, patch in zip(maps.values, patches, strict=True)]
    return Outcome(
        values={
            "patches": [[float(patch.x), float(patch.y)] for patch in patches],
            "radii": [each.radii for each in found],
            "outside": [each.outside for each in found],
            "beyond": [each.beyond for each in found],
            "di": [each.di for each in found],
            "curve": [each.curve for each in found],
            "seconds": maps.seconds,
            **({} if maps.tile is None else {"tile": maps.tile}),
        }
    )


@dataclass(frozen=True)
class Spread:
    """How far from a patch its map lies; NaN where the map is 0 everywhere.

    |R| is the absolute value of the map's sum over channels. Distances are the larger of the row's and the column's
    from the patch's middle, in LR pixels.

    Attributes:
        radii: that hold 50, 90 and 99 % of |R|.
        outside: share of |R| outside the LR pixels under the patch.
        beyond: shares of |R| beyond 4, 8 and 16 LR pixels.
        di: diffusion index.
        curve: shares of |R| beyond 0, 1, 2, ... LR pixels, up to the first that nothing lies beyond.
    """

    radii: list[float]
    outside: float
    beyond: list[float]
    di: float
    curve: list[float]


def spread_of(values: np.ndarray, patch: SquarePatch, scale: int) -> Spread:
    """How far from a patch its map (3, H, W) lies."""
    middle = patch.middle(scale)
    farthest = int(np.ceil(distances(values.shape[1:], middle).max()))
    return Spread(
        radii=radii_holding(values, middle, SHARES).tolist(),
        outside=share_outside(values, patch.footprint(scale)),
        beyond=shares_beyond(values, middle, LIMITS).tolist(),
        di=diffusion_index(values),
        curve=shares_beyond(values, middle, range(farthest + 1)).tolist(),
    )
