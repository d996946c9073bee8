"""The flow of one network on one image, and what happens without each of its blocks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, get_args

import numpy as np
import torch

from l2xbench.attribution.flow import AROUND, Flow, flow
from l2xbench.attribution.parts import unwrapped
from l2xbench.attribution.references import make_reference
from l2xbench.attribution.targets import Objective, parse_target
from l2xbench.data import metrics
from l2xbench.data.images import to_image, to_tensor
from l2xbench.data.measures import usual_measure
from l2xbench.data.pairs import LoadedPair
from l2xbench.draw.colormap import signed_map
from l2xbench.errors import RequestError
from l2xbench.store.units import Outcome, Value
from l2xbench.studies.flow.gradients import gradient_times_activation
from l2xbench.studies.flow.groups import grouped
from l2xbench.studies.flow.taken_out import Way, reference_calls, without
from l2xbench.studies.shared.inference import device_of
from l2xbench.zoo.network import Network

MEASURED = ("written", "share", "magnitude", "activity", "multiplier")
"""What a record has of each block, besides its parameters."""


def compute(network: Network, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """The parts of the difference, block by block, and the maps of blocks or groups of them.

    Raises:
        AttributionError: the network has no such blocks, or cannot be explained.
    """
    height, width = pair.lr.shape[:2]
    size = options["size"]
    rows, columns = min(size, height), min(size, width)
    seen = pair.window(((height - rows) // 2, (width - columns) // 2, rows, columns), network.scale)
    lr = to_tensor(seen.lr).to(device_of(network))
    asked = {"reference": options["reference"], "target": options["target"], "layers": options["layers"]}
    most = options["maps"]
    found = flow(network, lr, **asked, groups=(lambda names: grouped(names, most)) if most else None)
    names = [block.name for block in found.blocks]
    arrays: dict[str, np.ndarray] = {"values": plane(found.values)}
    groups = [group for group in found.maps if group != AROUND]
    if groups:
        arrays[AROUND] = plane(found.maps[AROUND])
        arrays["maps"] = np.stack([plane(found.maps[group]) for group in groups])
    values: dict[str, Value] = {
        "names": "\n".join(names),
        "kinds": "\n".join(block.kind for block in found.blocks),
        "groups": "\n".join(groups),
        "parameters": [float(block.parameters) for block in found.blocks],
        "around": found.around,
        "skip": None if math.isnan(found.skip) else found.skip,
        "delta": found.delta,
        "error": found.error,
        "rows": rows,
        "columns": columns,
    }
    for name in MEASURED:
        values[name] = [float(getattr(block, name)) for block in found.blocks]
    if options["check"]:
        values |= effects(network, lr, seen, found, options)
    return Outcome(values=values, arrays={"flow": arrays}, images={"seen": seen.lr})


def plane(values: torch.Tensor) -> np.ndarray:
    """A map (C, H, W) summed over channels."""
    return signed_map(values.cpu().numpy()).astype(np.float32)


def effects(
    network: Network, lr: torch.Tensor, seen: LoadedPair, found: Flow, options: Mapping[str, Any]
) -> dict[str, Value]:
    """What changes without each block: `caused_*`, of the objective as a part of its difference; `moved_*`, the mean
    change of outputs as a part of theirs between image and reference; `lost_*`, PSNR in dB. NaN where it cannot be. And
    `gradient`: gradient x activation, the control that needs no reference.
    """
    inner = unwrapped(network)
    blocks = {block.name: inner.get_submodule(block.name) for block in found.blocks}
    reference = make_reference(options["reference"], lr)
    with torch.no_grad():
        output, from_reference = network(lr), network(reference)
    target = parse_target(options["target"])
    objective = Objective.of(target, target.window(output.shape), output, from_reference)
    window = (slice(None), *objective.window)
    size = float((output - from_reference)[window].abs().mean())
    before = psnr_of(output, seen, network.scale)
    known = reference_calls(network, reference, blocks).calls
    residual = {block.name: block.residual for block in found.blocks}
    scored = gradient_times_activation(network, lr, blocks, residual, objective.weights, window)
    values: dict[str, Value] = {"gradient": [scored[block.name] for block in found.blocks]}
    for way in get_args(Way):
        caused, moved, lost = list[float](), list[float](), list[float]()
        for block in found.blocks:
            changed = without(network, lr, blocks[block.name], known.get(block.name, []), block.residual, way)
            if changed is None:
                for numbers in (caused, moved, lost):
                    numbers.append(math.nan)
                continue
            apart = (output - changed)[window]
            signed = float((objective.weights * apart).double().sum())
            caused.append(signed / found.delta if found.delta else math.nan)
            moved.append(float(apart.abs().mean()) / size if size else math.nan)
            lost.append(before - psnr_of(changed, seen, network.scale))
        values |= {f"caused_{way}": caused, f"moved_{way}": moved, f"lost_{way}": lost}
    return values


def psnr_of(output: torch.Tensor, seen: LoadedPair, scale: int) -> float:
    """PSNR of an output against HR, as papers measure at its scale; NaN without HR or for a part too small."""
    if seen.hr is None:
        return math.nan
    usual = usual_measure(scale)
    try:
        return float(metrics.psnr(to_image(output), seen.hr, usual.border, usual.colour))
    except (RequestError, ValueError):
        return math.nan
