"""Features of an LR image: how a map orders them, and what the image is without some of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from l2xbench.attribution.references import gaussian_blur, make_reference
from l2xbench.studies.shared.road import NOISE, imputed

BLUR_VARIANCE = 4.0
"""Square LR pixels of the Gaussian of `hiding.BLURRED`."""
_NOISE = 0x401D
"""Tells the random numbers of imputed pixels from others of the image."""


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


def without(lr: Tensor, masked: Tensor, kind: str, reference: str, digest: str, seed: int) -> Tensor:
    """The image without some of its features, once for each mask.

    Args:
        lr: (1, C, H, W) in [0, 1].
        masked: (N, 1 or C, H, W), true where a feature is hidden.
        kind: what they become: see `replacements`, or `road`, noisy linear imputation, whose noise depends on image and
            seed alone and is the same in every mask.
        reference: for the kind `reference`.
        digest: the image's.
        seed: the study's.

    Returns:
        (N, C, H, W).
    """
    if kind != "road":
        return torch.where(masked, replacements(kind, reference, lr), lr)
    noise = NOISE * generator(digest, seed, _NOISE).standard_normal(lr.shape[1:])
    planes = lr[0].numpy()
    images = []
    for mask in masked.numpy():
        if len(mask) == 1:
            filled = imputed(planes, mask[0])
        else:
            filled = np.concatenate([imputed(planes[[channel]], mask[channel]) for channel in range(len(planes))])
        images.append(np.where(mask, filled + noise, planes))
    return torch.from_numpy(np.stack(images)).to(lr)


def blurred(values: np.ndarray) -> np.ndarray:
    """A map (C, H, W) under a Gaussian, for the control `hiding.BLURRED`."""
    return gaussian_blur(torch.from_numpy(values)[None].double(), BLUR_VARIANCE)[0].numpy()


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
