"""Features of an LR image: how a map orders them, and what the image is without some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from l2xbench.attribution.references import make_reference


def generator(digest: str, seed: int, *more: int) -> np.random.Generator:
    """Random numbers that the image and the seed decide, and nothing else: the same for every network."""
    return np.random.default_rng([seed, int(digest[:16], 16), *more])


def feature_values(values: np.ndarray, granularity: str) -> np.ndarray:
    """A map (C, H, W) as one number a feature: `pixel` sums the channels of a position, `element` keeps each."""
    return (values.sum(axis=0) if granularity == "pixel" else values).ravel().astype(np.float64)


def ranks(scores: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """The place of each feature when the highest score comes first.

    Args:
        scores: (features,).
        ties: a permutation of the features, in whose order equal scores come: raster order would favour the top of the
            image.
    """
    order = ties[np.argsort(-scores[ties], kind="stable")]
    places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places


def replacements(kind: str, reference: str, lr: Tensor) -> Tensor:
    """What masked features of `lr` (1, C, H, W) become: `mean` of their channel, the `reference`, or `black`."""
    return make_reference(reference if kind == "reference" else kind, lr)


def masks(places: np.ndarray, counts: Sequence[int], shape: Sequence[int]) -> Tensor:
    """One mask for each count, true for the features placed first: (N, 1 or C, H, W).

    Args:
        places: (features,) from `ranks`.
        counts: how many features each mask takes.
        shape: (C, H, W) of the image; with H W features each stands for all channels of its position.
    """
    channels = 1 if len(places) == shape[1] * shape[2] else shape[0]
    grid = torch.from_numpy(places).view(channels, shape[1], shape[2])
    return torch.stack([grid < count for count in counts])


def count_features(shape: Sequence[int], granularity: str) -> int:
    """How many features an image (C, H, W) has."""
    return int(np.prod(shape[1:] if granularity == "pixel" else shape))
