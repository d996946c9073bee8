"""The effective receptive field of one network on one image."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.finite import all_finite
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.store.units import Outcome
from l2xbench.studies.erf.field import as_mambair, receptive_field
from l2xbench.studies.shared.inference import device_of
from l2xbench.words import words
from l2xbench.zoo.network import Network


def compute(network: Network, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """The field, (size, size), about its pixel [size // 2, size // 2].

    Raises:
        RequestError: the image is smaller than what is asked for.
        FloatingPointError: the field holds NaN or infinity.
    """
    lr = _seen(to_tensor(pair.lr), pair.name, options, words(network.scale).lr).to(device_of(network))
    started = time.perf_counter()
    field = receptive_field(network, lr, options["of"], options.get("reference", "blur"))[0]
    if lr.device.type == "cuda":
        torch.cuda.synchronize(lr.device)
    seconds = time.perf_counter() - started
    if not all_finite(field):
        raise FloatingPointError("the receptive field holds NaN or infinity")
    return Outcome(
        values={"seconds": seconds, "sum": float(field.double().sum())}, arrays={"erf": {"field": field.cpu().numpy()}}
    )


def _seen(lr: Tensor, name: str, options: Mapping[str, Any], called: str) -> Tensor:
    size = options["size"]
    if options["variant"] == "mambair":
        return as_mambair(lr, size)
    height, width = lr.shape[-2:]
    if min(height, width) < size:
        raise RequestError(
            f"{name} has {width} x {height} {called} pixels, fewer than erf.size: {size}; give a smaller size, or "
            "erf.variant: mambair"
        )
    top, left = (height - size) // 2, (width - size) // 2
    return lr[..., top : top + size, left : left + size]
