"""The pictures that LAM's papers print: the map in `seismic`, its kernel density, and both over the LR image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image
from scipy.signal import fftconvolve

from l2xbench.attribution.spread import absolute_map

Picture = NDArray[np.uint8]
"""(H, W, 3)."""
ALPHA = 0.5
"""The LR image's share where a map lies over it."""


@dataclass(frozen=True)
class MapPictures:
    """A map as (scale h, scale w, 3) pictures."""

    map: Picture
    """White where nothing was used, dark red where most was."""
    over_image: Picture
    """The same, half and half with the LR image."""
    density: Picture
    """The map's kernel density, half and half with the LR image."""


def map_pictures(values: NDArray[np.floating], lr: Picture, scale: int) -> MapPictures:
    """The three pictures of a map.

    Args:
        values: (C, h, w).
        lr: (h, w, 3).
        scale: how many pixels a side each LR pixel becomes.
    """
    sizes = absolute_map(values)
    height, width = lr.shape[:2]
    enlarged = np.asarray(Image.fromarray(lr).resize((width * scale, height * scale)), dtype=float)
    shown = _enlarged(_seismic(sizes), scale)
    density = _enlarged(_seismic(kernel_density(sizes)), scale)
    return MapPictures(shown, _blend(shown, enlarged), _blend(density, enlarged))


def kernel_density(weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """The Gaussian kernel density of the pixels' places, weighted, over its largest value.

    SciPy's `gaussian_kde` with Scott's width at every pixel, as LAM's authors draw it. On a grid that is a convolution,
    which takes milliseconds where the sum over all pairs of pixels takes minutes for a whole image.

    Args:
        weights: (h, w), not below 0.

    Returns:
        (h, w) in [0, 1]; the weights themselves where they lie on one line, of which no density is.
    """
    total = weights.sum()
    if not total > 0:
        return np.zeros(weights.shape)
    shares = weights / total
    effective = 1 / np.square(shares).sum()
    rows, columns = np.indices(weights.shape)
    centred = [places - (shares * places).sum() for places in (rows, columns)]
    spread = np.array([[(shares * one * other).sum() for other in centred] for one in centred])
    covariance = spread / (1 - 1 / effective) * effective ** (-1 / 3) if effective > 1 else spread
    if np.linalg.matrix_rank(covariance) < 2:
        return np.asarray(weights / weights.max(), dtype=np.float64)
    height, width = weights.shape
    down, across = np.mgrid[1 - height : height, 1 - width : width]
    inverse = np.linalg.inv(covariance)
    distance = inverse[0, 0] * down**2 + 2 * inverse[0, 1] * down * across + inverse[1, 1] * across**2
    found = fftconvolve(shares, np.exp(-distance / 2), mode="valid" if weights.size == 1 else "same")
    density = np.clip(found, 0, None)
    return np.asarray(density / density.max())


@cache
def _colours() -> NDArray[np.float64]:
    return np.asarray(colormaps["seismic"](np.linspace(0, 1, 256)))[:, :3]


def _seismic(values: NDArray[np.floating]) -> Picture:
    """(h, w) in [0, 1] as the upper half of the colour map: white to dark red."""
    places = np.minimum((values * 0.5 + 0.5) * 256, 255).astype(int)
    return np.asarray(255 * _colours()[places]).astype(np.uint8)


def _enlarged(picture: Picture, scale: int) -> Picture:
    return np.asarray(picture.repeat(scale, 0).repeat(scale, 1))


def _blend(picture: Picture, image: NDArray[np.floating]) -> Picture:
    return np.asarray((1 - ALPHA) * picture + ALPHA * image).astype(np.uint8)
