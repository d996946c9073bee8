"""The interventions on a patch, or one method's map of it; and what a gradient of the same patch takes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from l2xbench.attribution.methods.intervention import InterventionPlan, measure_effects
from l2xbench.attribution.methods.plain import quiet
from l2xbench.data import bicubic
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.draw.zoom import strongest_window
from l2xbench.errors import RequestError
from l2xbench.store.units import Arrays, Outcome, Value
from l2xbench.studies.referee.units import INTERVENTIONS
from l2xbench.studies.shared.inference import Batches, device_of
from l2xbench.studies.shared.maps import network_map
from l2xbench.words import words
from l2xbench.zoo.network import Network


def compute(network: Network, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None) -> Outcome:
    """The effects of a part of the blocks, (rows, columns), or a map, (3, h, w); nothing for an image without a patch.

    Raises:
        RequestError: there is no HR image, no other image to draw from, or the patch is not within the image.
        FloatingPointError: the map or the network's output holds NaN or infinity.
    """
    if options["images"] is not None and pair.name not in options["images"]:
        return Outcome(values={"window": None})
    if pair.hr is None:
        called = words(network.scale).hr
        raise RequestError(f"{pair.name} has no {called} image, against which a patch's PSNR is measured")
    window = find_window(pair.lr, pair.hr, network.scale, options["window"], options["size"], pair.name)
    x, y, size = window
    told: dict[str, Value] = {"of": options["of"], "window": f"{x},{y},{size}"}
    if options["of"] != INTERVENTIONS:
        found = network_map(network, pair.lr, {**options["map"], "target": f"patch:{y},{x},{size},{size}"})
        told |= {"seconds": found.seconds, "gradient_seconds": gradient_seconds(network, pair.lr, window)}
        told |= {} if found.tile is None else {"tile": found.tile}
        return Outcome(values=told, arrays={"referee": {"map": found.values}})
    if not given:
        raise RequestError(f"{pair.name} is alone in its dataset: there are no blocks of other images to draw")
    device = device_of(network)
    run = Batches(network, device)
    plan = InterventionPlan(**{name: options[name] for name in ("block", "coarse", "fine", "least", "seed")})
    part = options["part"]
    effects = measure_effects(
        run,
        to_tensor(pair.lr).to(device),
        to_tensor(pair.hr).to(device),
        (y, x, size, size),
        [to_tensor(lr).to(device) for lr in given.values()],
        plan,
        (part[0], part[1]),
    )
    values = {**told, "psnr": effects.psnr, "passes": effects.passes, "seconds": run.seconds, **run.divided}
    return Outcome(values=values, arrays={"referee": {"effect": effects.effect, "draws": effects.draws}})


def find_window(
    lr: np.ndarray, hr: np.ndarray, scale: int, window: Sequence[int] | None, size: int, name: str
) -> tuple[int, int, int]:
    """Left, top and side of the patch in SR pixels.

    Args:
        lr: (h, w, 3) uint8.
        hr: (scale h, scale w, 3) uint8.
        scale: of the study.
        window: as the study names it; None takes that in which LR, enlarged by bicubic, is farthest from HR.
        size: side of the patch where it is to be found.
        name: the image's, for what is wrong.

    Raises:
        RequestError: it is not within the image.
    """
    height, width = hr.shape[:2]
    called = words(scale).sr
    if window is not None:
        x, y, size = window
        if x + size > width or y + size > height:
            raise RequestError(
                f"the window {x},{y},{size} (left, top, side) is not within the {width} x {height} {called} pixels of "
                f"{name}"
            )
        return x, y, size
    if size > min(height, width):
        raise RequestError(f"{name} has {width} x {height} {called} pixels, fewer than referee.size: {size}")
    enlarged = lr if scale == 1 else bicubic.resize(lr, scale)
    errors = np.square(enlarged.astype(np.float64) - hr).sum(2)
    y, x, _ = strongest_window(errors, size, scale)
    return x, y, size


def gradient_seconds(network: Network, lr: np.ndarray, window: tuple[int, int, int]) -> float:
    """What the gradient of the patch's sum takes, one forward and one backward pass: the unit of a map's cost.

    The second is timed, since the first of a size prepares what later ones use.
    """
    inputs = to_tensor(lr).to(device_of(network))
    x, y, size = window

    def once() -> float:
        started = time.perf_counter()
        with torch.enable_grad(), quiet(network):
            image: Tensor = inputs.clone().requires_grad_(True)
            torch.autograd.grad(network(image)[:, :, y : y + size, x : x + size].sum(), image)
        if inputs.device.type == "cuda":
            torch.cuda.synchronize(inputs.device)
        return time.perf_counter() - started

    once()
    return once()
