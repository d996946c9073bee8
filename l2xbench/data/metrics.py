"""PSNR and SSIM as SR papers report them: equal to BasicSR's, on 8-bit images, with a border left out."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from l2xbench.data.colour import LEVELS, LUMA
from l2xbench.errors import RequestError

#: "y": the luma of ITU-R BT.601 (16 to 235), as almost every paper. "rgb": over the three channels.
Colour = Literal["y", "rgb"]

#: Side of the Gaussian window of SSIM.
_WINDOW = 11


def psnr(sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour = "y") -> float:
    """Peak signal-to-noise ratio in dB of two uint8 RGB images of shape (H, W, 3), as BasicSR computes it.

    `border` pixels at each side are left out: by convention as many as the scale. Infinite where the
    images are equal.

    Raises:
        RequestError: nothing is left inside the border.
        ValueError: the shapes differ.

    Examples:
        >>> black = np.zeros((8, 8, 3), np.uint8)
        >>> round(psnr(black + 1, black, border=0, colour="rgb"), 2)
        48.13
    """
    a, b = _planes(sr, hr, border, colour, at_least=1)
    error = np.mean(np.square(a - b))
    return float(10 * np.log10(255.0**2 / error)) if error else math.inf


def ssim(sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour = "y") -> float:
    """Structural similarity (Wang et al., 2004) of two uint8 RGB images of shape (H, W, 3), in [-1, 1].

    An 11 x 11 Gaussian window of deviation 1.5, only where it lies within the image; `border` as for `psnr`. The mean
    over the channels that count, as BasicSR computes it.

    Raises:
        RequestError: less than one window is left inside the border.
        ValueError: the shapes differ.

    Examples:
        >>> image = np.arange(16 * 16 * 3, dtype=np.uint8).reshape(16, 16, 3)
        >>> ssim(image, image, border=0)
        1.0
    """
    from scipy.ndimage import correlate1d  # a third of a second, which a map without HR need not wait for

    a, b = _planes(sr, hr, border, colour, at_least=_WINDOW)
    window = np.exp(-0.5 * ((np.arange(_WINDOW) - _WINDOW // 2) / 1.5) ** 2)
    window /= window.sum()

    def blurred(planes: np.ndarray) -> np.ndarray:
        inside = slice(_WINDOW // 2, -(_WINDOW // 2))
        rows = correlate1d(planes, window, axis=0)[inside]
        return np.asarray(correlate1d(rows, window, axis=1)[:, inside])

    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = blurred(a), blurred(b)
    variance_a, variance_b = blurred(a * a) - mean_a**2, blurred(b * b) - mean_b**2
    covariance = blurred(a * b) - mean_a * mean_b
    above = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    below = (mean_a**2 + mean_b**2 + c1) * (variance_a + variance_b + c2)
    return float(np.mean(above / below))


def _planes(
    sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour, at_least: int
) -> tuple[np.ndarray, np.ndarray]:
    """What counts of both images inside the border, (h, w, channels) in grey levels, float64."""
    if colour not in ("y", "rgb"):
        raise ValueError(f"colour is 'y' or 'rgb', not {colour!r}")
    if sr.shape != hr.shape:
        raise ValueError(f"the images differ in shape: SR {sr.shape}, HR {hr.shape}")
    _need_size(sr, border, at_least)
    inside = slice(border, -border or None)
    a, b = sr[inside, inside], hr[inside, inside]
    if colour == "rgb":
        return a.astype(np.float64), b.astype(np.float64)
    # SR papers' luma is in float32 on the way, and a PSNR's sixth digit with it
    y, y_hr = (((each / np.float32(255)) @ (LEVELS * np.array(LUMA)) + 16) / 255 for each in (a, b))
    return tuple((each.astype(np.float32) * np.float32(255)).astype(np.float64)[..., None] for each in (y, y_hr))


def _need_size(image: np.ndarray, border: int, at_least: int) -> None:
    needed = at_least + 2 * border
    if min(image.shape[:2]) < needed:
        raise RequestError(
            f"an image of {image.shape[1]} x {image.shape[0]} pixels is too small to measure: "
            f"with a border of {border} it must be at least {needed} x {needed}"
        )


class Comparison:
    """PSNR and SSIM of many SR images with one HR image: the numbers of `psnr` and `ssim`, the HR's share done once.

    They agree with those to 1e-6 dB and 1e-7, which take as long as a small network. What is
    filtered are differences from the HR image, x = y + d, which float32 holds well enough: E[x] = E[y] + E[d],
    cov(x, y) = var(y) + cov(y, d) and var(x) = var(y) + 2 cov(y, d) + var(d).
    """

    def __init__(self, hr: np.ndarray, border: int, colour: Colour = "y", device: torch.device | str = "cpu") -> None:
        """For one HR image.

        Args:
            hr: uint8 RGB (H, W, 3).
            border: pixels left out at each side.
            colour: which channels count.
            device: where the SR images will lie.

        Raises:
            RequestError: less than SSIM's window is left inside the border.
        """
        _need_size(hr, border, _WINDOW)
        self._inside = slice(border, -border or None)
        self._colour = colour
        self._device = torch.device(device)
        offsets = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
        window = torch.exp(-0.5 * (offsets / 1.5) ** 2)
        self._window = (window / window.sum()).tolist()
        whole = torch.from_numpy(hr).permute(2, 0, 1)[None, :, self._inside, self._inside]
        planes = self._channels(whole.double()) + (16 if colour == "y" else 0)
        mean = self._filter(planes)
        self._centred, self._mean, self._variance = (
            t.float().to(self._device) for t in (planes - 128, mean, self._filter(planes.square()) - mean.square())
        )
        self._centred_mean = self._mean - 128
        # in the arithmetic of the SR images: the luma of an equal pixel is equal to the last bit
        self._hr = self._channels(whole.to(self._device, torch.float32))

    def __call__(self, sr: Tensor) -> tuple[list[float], list[float]]:
        """PSNR in dB and SSIM of each SR image of (N, 3, H, W) in [0, 1], clamped and rounded to 8 bits first.

        Raises:
            ValueError: the shape is not the HR image's.
        """
        inside = sr[:, :, self._inside, self._inside].to(self._device)
        if inside.shape[2:] != self._hr.shape[2:]:
            raise ValueError(f"the images differ in shape: SR {tuple(sr.shape)}, HR inside the border {self._hr.shape}")
        found = [self._measure(image) for image in inside.chunk(len(inside))]
        errors, likenesses = (torch.stack(each).tolist() for each in zip(*found, strict=True))
        return [10 * math.log10(255.0**2 / error) if error else math.inf for error in errors], likenesses

    def _measure(self, sr: Tensor) -> tuple[Tensor, Tensor]:
        """The mean squared error in grey levels, and SSIM, of (1, 3, h, w): few large operations, in place."""
        levels = self._channels(sr.float().clamp(0, 1).mul_(255).round_())
        planes = levels.new_empty(3, *levels.shape[1:])
        off = torch.sub(levels, self._hr, out=planes[:1])
        error = _mean(torch.mul(off, off, out=planes[1:2]))
        torch.mul(off, self._centred, out=planes[2:])
        mean, variance, covariance = self._filter(planes).chunk(3)
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        variance.addcmul_(mean, mean, value=-1)
        covariance.addcmul_(mean, self._centred_mean, value=-1).add_(self._variance).mul_(2).add_(c2)
        variance.add_(covariance)
        mean.add_(self._mean)
        above = (mean * self._mean).mul_(2).add_(c1).mul_(covariance)
        below = mean.square_().addcmul_(self._mean, self._mean).add_(c1).mul_(variance)
        return error, _mean(above.div_(below))

    def _channels(self, image: Tensor) -> Tensor:
        """What counts of (N, 3, h, w) in grey levels: all, or (N, 1, h, w), the luma of BT.601 less its 16."""
        if self._colour == "rgb":
            return image
        red, green, blue = image.unbind(1)
        of_red, of_green, of_blue = (LEVELS * weight / 255 for weight in LUMA)
        return (of_red * red).add_(green, alpha=of_green).add_(blue, alpha=of_blue)[:, None]

    def _filter(self, planes: Tensor) -> Tensor:
        """The Gaussian window's mean wherever it lies inside; it is symmetric, so rows and columns one by one."""
        for axis in (2, 3):
            length = planes.shape[axis] - _WINDOW + 1
            total = planes.narrow(axis, 0, length) * self._window[0]
            for start, weight in enumerate(self._window[1:], start=1):
                total.add_(planes.narrow(axis, start, length), alpha=weight)
            planes = total
        return planes


def _mean(plane: Tensor) -> Tensor:
    """The mean, by rows first: PyTorch's sum over all of an image depends on the threads it has."""
    rows = plane.mean(-1)
    return torch.tensor(rows.numpy().mean(dtype=np.float64)) if plane.device.type == "cpu" else rows.mean()
