"""PSNR and SSIM as SR papers report them: BasicSR's, on 8-bit images, with a border left out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from l2xbench.compat import import_basicsr
from l2xbench.errors import RequestError

#: "y": the luma of ITU-R BT.601 (16 to 235), as almost every paper. "rgb": over the three channels.
Colour = Literal["y", "rgb"]

#: Side of the Gaussian window of SSIM.
_WINDOW = 11


def psnr(sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour = "y") -> float:
    """Peak signal-to-noise ratio in dB of two uint8 RGB images of shape (H, W, 3).

    `border` pixels at each side are left out: by convention as many as the scale. Infinite where the
    images are equal.

    Raises:
        RequestError: nothing is left inside the border.
        ValueError: the shapes differ.
    """
    return _measure("calculate_psnr", sr, hr, border, colour, at_least=1)


def ssim(sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour = "y") -> float:
    """Structural similarity (Wang et al., 2004) of two uint8 RGB images of shape (H, W, 3), in [-1, 1].

    An 11 x 11 Gaussian window of deviation 1.5, only where it lies within the image; `border` as for `psnr`.

    Raises:
        RequestError: less than one window is left inside the border.
        ValueError: the shapes differ.
    """
    return _measure("calculate_ssim", sr, hr, border, colour, at_least=_WINDOW)


def _measure(function: str, sr: np.ndarray, hr: np.ndarray, border: int, colour: Colour, at_least: int) -> float:
    if colour not in ("y", "rgb"):
        raise ValueError(f"colour is 'y' or 'rgb', not {colour!r}")
    if sr.shape != hr.shape:
        raise ValueError(f"the images differ in shape: SR {sr.shape}, HR {hr.shape}")
    _need_size(sr, border, at_least)
    measure: Callable[..., float] = getattr(import_basicsr("basicsr.metrics"), function)
    # BasicSR takes BGR, as OpenCV reads it.
    return float(measure(sr[:, :, ::-1], hr[:, :, ::-1], border, test_y_channel=colour == "y"))


def _need_size(image: np.ndarray, border: int, at_least: int) -> None:
    needed = at_least + 2 * border
    if min(image.shape[:2]) < needed:
        raise RequestError(
            f"an image of {image.shape[1]} x {image.shape[0]} pixels is too small to measure: "
            f"with a border of {border} it must be at least {needed} x {needed}"
        )


class Comparison:
    """PSNR and SSIM of many SR images with one HR image: the numbers of `psnr` and `ssim`, the HR's share done once.

    They agree with BasicSR's to 1e-6 dB and 1e-7, and take half of their time for one image; for many SR images of
    one HR image, or on a GPU, far less, where BasicSR's would cost more than a small network.
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
        self._border = border
        self._colour = colour
        # MPS has no float64, which SSIM's differences of large numbers need
        self._device = torch.device("cpu" if torch.device(device).type == "mps" else device)
        offsets = torch.arange(_WINDOW, dtype=torch.float64, device=self._device) - _WINDOW // 2
        window = torch.exp(-0.5 * (offsets / 1.5) ** 2)
        self._window = (window / window.sum()).tolist()
        self._hr = self._planes(torch.from_numpy(hr).to(self._device).permute(2, 0, 1)[None].float())
        self._hr_mean = self._filter(self._hr)
        self._hr_variance = self._filter(self._hr.square()) - self._hr_mean.square()

    def __call__(self, sr: Tensor) -> tuple[list[float], list[float]]:
        """PSNR in dB and SSIM of each SR image of (N, 3, H, W) in [0, 1], clamped and rounded to 8 bits first.

        Raises:
            ValueError: the shape is not the HR image's.
        """
        planes = self._planes((sr.to(self._device).float().clamp(0, 1) * 255).round())
        if planes.shape[1:] != self._hr.shape[1:]:
            raise ValueError(f"the images differ in shape: SR {tuple(sr.shape)}, HR inside the border {self._hr.shape}")
        error = _means((planes - self._hr).square())
        psnr = 10 * torch.log10(255.0**2 / error)
        return psnr.tolist(), self._ssim(planes).tolist()

    def _planes(self, image: Tensor) -> Tensor:
        """(N, 3, H, W) in [0, 255] to float64 of (N, 1 or 3, h, w): the channels that count, inside the border."""
        end = (-self._border) or None
        image = image[:, :, self._border : end, self._border : end].double()
        if self._colour == "rgb":
            return image
        red, green, blue = image.unbind(1)
        return ((65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 16)[:, None]

    def _ssim(self, sr: Tensor) -> Tensor:
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        mean = self._filter(sr)
        variance = self._filter(sr.square()) - mean.square()
        covariance = self._filter(sr * self._hr) - mean * self._hr_mean
        above = (2 * mean * self._hr_mean + c1) * (2 * covariance + c2)
        below = (mean.square() + self._hr_mean.square() + c1) * (variance + self._hr_variance + c2)
        return _means(above / below)

    def _filter(self, planes: Tensor) -> Tensor:
        """The Gaussian window's mean wherever it lies inside; it is symmetric, so rows and columns one by one."""
        for axis in (2, 3):
            length = planes.shape[axis] - _WINDOW + 1
            total = planes.narrow(axis, 0, length) * self._window[0]
            for start, weight in enumerate(self._window[1:], start=1):
                total.add_(planes.narrow(axis, start, length), alpha=weight)
            planes = total
        return planes


def _means(planes: Tensor) -> Tensor:
    """Each image's mean, (N,). On a CPU by NumPy: PyTorch's sum over all of an image depends on the threads it has."""
    if planes.is_cuda:
        return planes.mean(dim=(1, 2, 3))
    return torch.from_numpy(planes.numpy().mean(axis=(1, 2, 3)))
