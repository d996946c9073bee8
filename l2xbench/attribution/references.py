"""The reference x' that an image is compared with: blur (the paper's), the mean of each channel, black, or a tensor."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from l2xbench.attribution.errors import AttributionError, unknown

NAMES = ("blur", "mean", "black")
BLUR_VARIANCE = 4.0
TRUNCATE = 3.0


def make_reference(reference: str | Tensor, inputs: Tensor) -> Tensor:
    """The reference for a batch, of the inputs' shape, type and device.

    Args:
        reference: `"blur"` (a Gaussian of variance 4.0 square pixels, as the paper's; `"blur:alpha=2"` sets the
            variance), `"mean"` (each channel's own mean, per image), `"black"` (zeros), or a tensor that
            broadcasts to the inputs.
        inputs: (N, C, H, W).

    Examples:
        >>> image = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
        >>> make_reference("mean", image)
        tensor([[[[1.5000, 1.5000],
                  [1.5000, 1.5000]]]])

    Raises:
        AttributionError: an unknown name or option, or a tensor whose shape does not broadcast to the inputs'.
    """
    if isinstance(reference, Tensor):
        return _from_tensor(reference, inputs)
    name, variance = parse_reference(reference)
    if name == "blur":
        return _without_rounding(gaussian_blur(inputs, variance), inputs)
    if name == "black":
        return torch.zeros_like(inputs)
    _need_image(name, inputs)
    return _without_rounding(inputs.mean(dim=(-2, -1), keepdim=True).expand_as(inputs), inputs)


def _without_rounding(reference: Tensor, inputs: Tensor) -> Tensor:
    """The image's own channel in the place of one that differs by rounding alone: a flat one has nothing to explain."""
    rounding = 8 * torch.finfo(inputs.dtype).eps * inputs.abs().amax()
    is_flat = ((reference - inputs).abs() <= rounding).all(-1, keepdim=True).all(-2, keepdim=True)
    return torch.where(is_flat, inputs, reference)


def parse_reference(text: str) -> tuple[str, float]:
    """A named reference as its name and the blur's variance in square pixels; no image is needed to check one.

    Examples:
        >>> parse_reference("blur:alpha=2")
        ('blur', 2.0)

    Raises:
        AttributionError: an unknown name or option.
    """
    if not isinstance(text, str):
        raise AttributionError(f"reference: found {type(text).__name__}; give a tensor or one of {', '.join(NAMES)}")
    name, colon, options = text.partition(":")
    if name not in NAMES:
        raise unknown("reference", name, NAMES)
    if colon and name != "blur":
        raise AttributionError(f"reference {text!r}: {name!r} takes no options; write {name!r}")
    return name, _blur_variance(text, options) if colon else BLUR_VARIANCE


def gaussian_blur(images: Tensor, variance: float = BLUR_VARIANCE) -> Tensor:
    """Convolve (N, C, H, W) with a Gaussian of this variance, in square pixels.

    The kernel is cut at round(3 sigma) pixels and scaled to sum 1; borders reflect about the edge pixel, which is not
    repeated (`d c b | a b c d | c b a`, SciPy's "mirror"), as often as a small image needs.
    The paper gives neither; these are ours.

    Examples:
        >>> gaussian_blur(torch.ones(1, 3, 5, 5)).sum().round()
        tensor(75.)

    Raises:
        AttributionError: the images are not (N, C, H, W).
    """
    _need_image("blur", images)
    kernel = _kernel(variance, images.dtype, images.device)
    radius, channels = len(kernel) // 2, images.shape[1]
    columns = F.conv2d(
        mirror_pad(images, radius, 0), kernel.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels
    )
    return F.conv2d(
        mirror_pad(columns, 0, radius), kernel.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels
    )


@lru_cache(maxsize=64)
def _kernel(variance: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The Gaussian along one axis, made once: what comes from the host makes a device wait."""
    sigma = math.sqrt(variance)
    radius = int(TRUNCATE * sigma + 0.5)
    with torch.inference_mode(False):
        offsets = torch.arange(-radius, radius + 1, dtype=torch.float64)
        kernel = torch.exp(-0.5 * (offsets / sigma) ** 2)
        return (kernel / kernel.sum()).to(device, dtype)


def mirror_pad(images: Tensor, rows: int, columns: int) -> Tensor:
    """Pad the last two axes by reflection about the edge pixels. Unlike `F.pad`, the padding may exceed the image."""
    for axis, pad in ((-2, rows), (-1, columns)):
        if pad:
            images = images.index_select(axis, _mirrored(images.shape[axis], pad, images.device))
    return images


@lru_cache(maxsize=64)
def _mirrored(size: int, pad: int, device: torch.device) -> Tensor:
    period = max(2 * (size - 1), 1)
    with torch.inference_mode(False):
        position = torch.arange(-pad, size + pad).remainder(period)
        position = torch.minimum(position, period - position) if size > 1 else torch.zeros_like(position)
        return position.to(device)


def _blur_variance(text: str, options: str) -> float:
    key, _, value = options.partition("=")
    if key != "alpha":
        raise unknown(f"reference {text!r}: option", key, ["alpha"])
    try:
        variance = float(value)
    except ValueError:
        variance = math.nan
    if not (variance > 0 and math.isfinite(variance)):
        raise AttributionError(
            f"reference {text!r}: alpha is {value!r}; give a variance above 0, such as 'blur:alpha=4'"
        )
    return variance


def _from_tensor(reference: Tensor, inputs: Tensor) -> Tensor:
    try:
        return reference.detach().to(inputs).expand_as(inputs).clone()
    except RuntimeError:
        raise AttributionError(
            f"reference: a tensor of shape {tuple(reference.shape)} does not fit inputs of shape {tuple(inputs.shape)}"
        ) from None


def _need_image(name: str, inputs: Tensor) -> None:
    if inputs.ndim != 4:
        raise AttributionError(
            f"reference {name!r} needs images (N, C, H, W); for inputs of shape {tuple(inputs.shape)} give a tensor"
        )
