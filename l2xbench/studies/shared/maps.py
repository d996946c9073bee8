"""What a network makes of an image and which pixels it used: the one way to both, in tiles where memory runs out.

`l2xbench explain`, the explorer and the studies `restoration` and `attribution` all come here, so that a map is the
same whoever asked for it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.methods.registry import get_method
from l2xbench.data import metrics
from l2xbench.data.images import to_image, to_tensor
from l2xbench.data.measures import usual_measure
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError, message_of
from l2xbench.studies.shared.inference import (
    Upscaler,
    device_of,
    explained,
    fitting,
    super_resolve,
)
from l2xbench.system import memory
from l2xbench.words import words
from l2xbench.zoo.network import Network


class MapRequest(NamedTuple):
    """Which map is wanted of a network and an image; hashable, so that answers can be remembered by it."""

    target: str
    reference: str
    method: str
    options: tuple[tuple[str, int | float | bool | str], ...] = ()
    """The method's own options, by name."""

    @property
    def label(self) -> str:
        """The method with the options that it was given, as figures and tables call it: `lam (variant published)`."""
        given = ", ".join(f"{name} {value}" for name, value in self.options)
        return f"{self.method} ({given})" if given else self.method

    def settings(self, seed: int) -> dict[str, Any]:
        """The keyword arguments of `l2xbench.explain`."""
        named = {"target": self.target, "reference": self.reference, "method": self.method}
        return {**named, "seed": seed, **dict(self.options)}


@dataclass(frozen=True)
class NetworkImage:
    """A network's SR image, (sH, sW, 3) uint8, and how near it comes to the HR image.

    Attributes:
        psnr: dB; None where there is no HR image, or one too small to measure.
        ssim: likewise.
        tile: side in LR pixels of the tiles that it was made in; None for the whole image at once.
    """

    image: np.ndarray
    psnr: float | None = None
    ssim: float | None = None
    tile: int | None = None


@dataclass(frozen=True)
class NetworkMap:
    """The map of one network and image, and what it took.

    Attributes:
        arrays: `values` (3, H, W) in units of the objective, `reference` (3, H, W), `delta` ().
        completeness_error: how far the map's sum is from delta; None for a control, which runs no network.
        seconds: time that the map took, and nothing besides.
        tile: side in LR pixels of the tiles that it was made in; None for the whole image at once.
        jump: what the objective's difference lacks where the network routes by Python numbers, 0 elsewhere.
        gap: how far delta is from the network's own difference in its own precision; None where that was not looked at.
    """

    arrays: Mapping[str, np.ndarray]
    completeness_error: float | None
    seconds: float
    tile: int | None = None
    jump: float = 0.0
    gap: float | None = None

    @property
    def values(self) -> np.ndarray:
        """(3, H, W)."""
        return self.arrays["values"]

    @property
    def delta(self) -> float | None:
        """The objective's difference between image and reference; None for a control."""
        delta = float(self.arrays["delta"])
        return delta if math.isfinite(delta) else None


class Upscaled(NamedTuple):
    """A network's output (1, 3, sH, sW), the side of the tiles it came to, and the seconds that it took."""

    output: Tensor
    tile: int | None
    seconds: float


def upscaled(network: Upscaler, lr: Tensor) -> Upscaled:
    """The network's output for `lr` (1, 3, H, W) on its device, in tiles where memory runs out."""
    started = time.perf_counter()
    output, tile = fitting(partial(super_resolve, network, lr), lr)
    return Upscaled(output, tile, _seconds_since(started, lr.device))


def network_image(network: Network, pair: LoadedPair) -> NetworkImage:
    """The SR image of a pair, and its PSNR and SSIM against HR, as papers measure at its scale.

    Raises:
        ValueError: the network gave no image, or NaN or infinity.
    """
    output, tile, _ = upscaled(network, to_tensor(pair.lr).to(device_of(network)))
    sr = to_image(output)
    if pair.hr is None:
        return NetworkImage(sr, tile=tile)
    usual = usual_measure(network.scale)
    try:
        psnr, ssim = (measure(sr, pair.hr, usual.border, usual.colour) for measure in (metrics.psnr, metrics.ssim))
    except RequestError:  # a window too small to measure
        return NetworkImage(sr, tile=tile)
    return NetworkImage(sr, psnr, ssim, tile)


def network_map(
    network: nn.Module,
    lr: np.ndarray,
    settings: Mapping[str, Any],
    *,
    hr: np.ndarray | None = None,
    others: Iterable[np.ndarray] = (),
) -> NetworkMap:
    """The map of `l2xbench.explain` for one LR image.

    Args:
        network: on any device.
        lr: (H, W, 3) uint8.
        settings: keyword arguments of `l2xbench.explain`: method, reference, target, seed, the method's own.
        hr: (sH, sW, 3) uint8, for a method that needs it.
        others: (h, w, 3) uint8, the LR images that such a method draws from.

    Raises:
        RequestError: the method needs an HR image or others, and there are none.
        AttributionError: the network cannot be explained so.
        FloatingPointError: the map holds NaN or infinity.
    """
    inputs = to_tensor(lr).to(device_of(network))
    scale = getattr(network, "scale", 0)  # a module of the user's own need not say it
    needed = needed_besides(settings.get("method", "l2x"), inputs.device, hr, others, words(scale).hr)
    started = time.perf_counter()
    found, tile = explained(network, inputs, **settings, **needed)
    seconds = _seconds_since(started, inputs.device)
    if not all_finite(found.values):
        raise FloatingPointError("the attribution holds NaN or infinity")
    missed, gap = float(found.completeness_error[0]), float(found.gap.reshape(-1)[0])
    return NetworkMap(
        arrays={name: getattr(found, name)[0].cpu().numpy() for name in ("values", "reference", "delta")},
        completeness_error=missed if math.isfinite(missed) else None,
        seconds=seconds,
        tile=tile,
        jump=float(found.jump.reshape(-1)[0]),
        gap=gap if math.isfinite(gap) else None,
    )


def needed_besides(
    method: str, device: torch.device, hr: np.ndarray | None, others: Iterable[np.ndarray], called: str
) -> dict[str, Any]:
    """What a method is given besides the LR image, as keyword arguments of `l2xbench.explain`.

    Args:
        method: its name.
        device: where the network is.
        hr: (sH, sW, 3) uint8, if there is one.
        others: (h, w, 3) uint8, the LR images that it may draw from.
        called: what HR is called.

    Raises:
        RequestError: the method needs an HR image or others, and there are none.
    """
    if not get_method(method).needs_hr:
        return {}
    drawn = [to_tensor(other).to(device) for other in others]
    if hr is None or not drawn:
        raise RequestError(
            f"the method {method} compares with the {called} image and draws blocks from other images of the dataset; "
            f"there is no {called if hr is None else 'other'} image"
        )
    return {"hr": to_tensor(hr).to(device), "others": drawn}


@contextmanager
def errors_in_one_line(name: str) -> Iterator[None]:
    """Turns whatever the network `name`, which may be a user's own, raises into one line.

    Raises:
        RequestError: in place of any `Exception`.
    """
    try:
        yield
    except Exception as error:
        reason = message_of(error)
        if isinstance(error, RequestError) and reason.startswith(f"{name}:"):
            raise
        if memory.has_run_out(error):
            reason = "memory does not suffice, not even for small tiles; choose a smaller image or window"
        raise RequestError(f"{name}: {reason}") from error


def _seconds_since(started: float, device: torch.device) -> float:
    """The seconds since then, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started
