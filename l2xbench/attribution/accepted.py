"""What `explain` takes: images in a network's range, a network of the image alone, submodules to look into."""

from __future__ import annotations

import inspect
import warnings

from torch import Tensor, nn

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.methods import Method
from l2xbench.attribution.parts import Layers, chosen_parts
from l2xbench.attribution.rules.questions import costly

FAR = 1.0
"""Images this far out of the range that a network takes, in parts of that range, are warned of."""


def check_inputs(inputs: Tensor, method: Method) -> None:
    if not isinstance(inputs, Tensor):
        raise AttributionError(f"inputs: found {type(inputs).__name__}; give a float tensor (N, C, H, W)")
    if not inputs.is_floating_point():
        raise AttributionError(
            f"inputs: found {inputs.dtype}; give floats in the network's range, such as x.float() / 255"
        )
    if inputs.ndim == 3:
        raise AttributionError(
            f"inputs: shape {tuple(inputs.shape)} has no batch axis; give (1, {', '.join(map(str, inputs.shape))})"
        )
    if inputs.ndim < 2 or inputs.numel() == 0:
        raise AttributionError(f"inputs: shape {tuple(inputs.shape)}; give a batch of images (N, C, H, W)")
    seen_to = method.converts_parameters and costly(inputs.device)  # by the paired pass, with its own question
    if not seen_to and not all_finite(inputs):
        raise AttributionError("inputs: hold NaN or Inf")


def require_an_image_alone(network: nn.Module) -> None:
    """Refuses a network that cannot be called with the image alone."""
    if network._forward_pre_hooks:  # they may give it what it needs
        return
    try:
        parameters = list(inspect.signature(network.forward).parameters.values())
    except (TypeError, ValueError):  # compiled code tells nothing
        return
    needed = [
        p.name for p in parameters[1:] if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    if needed:
        raise AttributionError(
            f"network: {type(network).__name__} takes {', '.join(needed)} besides the image; give it a value in a "
            f"module around it, whose forward(x) calls it with x and {needed[0]}, or say it as "
            f"`l2xbench.load_model(..., inputs={{'{needed[0]}': 1.0}})`"
        )


def tell_of_another_range(network: nn.Module, inputs: Tensor) -> None:
    """Say where images are far out of the range that a network says it takes, most likely levels of 8 bits."""
    takes = getattr(network, "takes", None)
    if not isinstance(takes, tuple) or costly(inputs.device):
        return
    low, high = takes
    least, most = (float(t) for t in inputs.aminmax())
    if least < low - FAR * (high - low) or most > high + FAR * (high - low):
        warnings.warn(
            f"inputs from {least:.4g} to {most:.4g}, where {getattr(network, 'name', type(network).__name__)} takes "
            f"[{low:g}, {high:g}]; give x / 255 of levels of 8 bits",
            stacklevel=3,
        )


def parts_asked_for(
    network: nn.Module, layers: Layers | None, method: Method, tile: int | str | None
) -> dict[str, nn.Module]:
    """The submodules that are asked for, by name."""
    if layers is None:
        return {}
    if not method.sees_layers:
        raise AttributionError(f"layers: method {method.name!r} does not look inside the network; 'l2x' does")
    if tile is not None:
        raise AttributionError(f"layers: a network run in tiles (tile={tile!r}) has no tensors of the whole image")
    return chosen_parts(network, layers)
