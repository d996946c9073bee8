"""Which part of an image a heatmap figure enlarges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from l2xbench.data import metrics
from l2xbench.data.colour import luma
from l2xbench.draw.panels import Box, target_box
from l2xbench.errors import RequestError
from l2xbench.words import words

AUTO = "auto"
_AROUND_TARGET = 3
"""A patch is shown with as much around it as makes this many times its size."""
_SHARE = 4
"""A part that is chosen for the reader is this share of the shorter side ..."""
_LEAST = 32
"""... and at least so many SR pixels, which still show a structure."""

Zoom = str | Mapping[str, str] | None
"""`auto`, `y,x,h,w` in SR pixels, such a part by image (`auto` for the others), or nothing."""


def zoom_box(wanted: Zoom, image: str, target: str, pictures: Sequence[NDArray[np.uint8]], scale: int) -> Box | None:
    """The part to enlarge, in SR pixels; None where that is nothing or most of the image.

    `auto` takes the surroundings of a patch that was explained, or else the window in which the networks' images
    differ most (with one network, in which its image has the most detail): the place that tells them apart.

    Args:
        wanted: what the study says.
        image: its name.
        target: what was explained.
        pictures: the SR image of each network, (sH, sW, 3) each.
        scale: the part is made of whole LR pixels.

    Raises:
        RequestError: a part that lies outside the image.
    """
    chosen = wanted if wanted is None or isinstance(wanted, str) else wanted.get(image, AUTO)
    if chosen is None:
        return None
    height, width = pictures[0].shape[:2]
    if chosen != AUTO:
        y, x, tall, wide = (int(number) for number in chosen.split(","))
        if y + tall > height or x + wide > width or not tall or not wide:
            raise RequestError(
                f"heatmaps.zoom: {chosen} is not inside {image}, whose {words(scale).sr} image has {height} x {width} "
                "pixels"
            )
        return (y, x, tall, wide)
    if target.startswith("patch:"):
        return around_target(target, (height, width))
    side = max(min(height, width) // _SHARE, _LEAST) // scale * scale
    if 2 * side > min(height, width):
        return None
    row, column, _ = strongest_window(differences(pictures), side, scale)
    return (row, column, side, side)


def strongest_window(values: NDArray[np.float64], side: int, step: int) -> tuple[int, int, float]:
    """First row and column of the square of `side` pixels with the largest sum, and that sum; it starts at a `step`.

    Examples:
        >>> strongest_window(np.diag([1.0, 1, 5, 1, 0, 0]), 2, 2)
        (2, 2, 6.0)
    """
    sums = _window_sums(values, side)[::step, ::step]
    row, column = np.unravel_index(int(sums.argmax()), sums.shape)
    return int(row) * step, int(column) * step, float(sums[row, column])


def around_target(target: str, size: tuple[int, int]) -> Box | None:
    """A patch with its surroundings; None where that is most of the image, or for any other target."""
    patch = target_box(target)
    if patch is None or not target.startswith("patch:"):
        return None
    shown = _AROUND_TARGET * max(patch[2:])
    if shown > min(size) / 2:
        return None
    starts = [
        min(max(start + (length - shown) // 2, 0), whole - shown)
        for start, length, whole in zip(patch[:2], patch[2:], size, strict=True)
    ]
    return (starts[0], starts[1], shown, shown)


def zoom_psnr(
    sr: NDArray[np.uint8], hr: NDArray[np.uint8] | None, box: Box | None, colour: metrics.Colour = "y"
) -> float | None:
    """PSNR in dB of the part of SR that is enlarged; None without a part or HR."""
    if hr is None or box is None:
        return None
    y, x, height, width = box
    part = (slice(y, y + height), slice(x, x + width))
    return metrics.psnr(sr[part], hr[part], 0, colour)


def differences(pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float64]:
    """(sH, sW): how much the pictures differ at each pixel; of one picture, how much it varies there.

    It is the square of their median distance from their median.
    """
    lumas = np.stack([luma(picture) for picture in pictures])
    if len(lumas) > 1:
        away = np.abs(lumas - np.median(lumas, axis=0))
        spread = np.median(away, axis=0) ** 2
        # a picture unlike all others, that of a broken network say, does not decide, unless nothing else differs
        return np.asarray(spread if spread.any() else away.max(axis=0) ** 2)
    rows, columns = np.gradient(lumas[0])
    return np.asarray(rows**2 + columns**2)


def _window_sums(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """The sum over the window that starts at each place, by an integral image."""
    whole = np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    return np.asarray(whole[side:, side:] - whole[:-side, side:] - whole[side:, :-side] + whole[:-side, :-side])
