"""Gradient x activation of a network's blocks: the usual score of a block, which knows no reference."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


def gradient_times_activation(
    network: nn.Module,
    image: Tensor,
    blocks: Mapping[str, nn.Module],
    residual: Mapping[str, bool],
    weights: Tensor,
    window: tuple[Any, ...],
) -> dict[str, float]:
    """The sum of |gradient x activation| over what each block gives, or adds where it is residual.

    Args:
        network: in evaluation mode.
        image: (1, C, H, W).
        blocks: by name; one that runs several times counts all of its calls.
        residual: whether a block adds to what it is given.
        weights: of the outputs within `window`, whose weighted sum is the objective.
        window: which outputs count.

    Returns:
        a number a block, in units of the objective; NaN of one that gives something else than a tensor or does not run.

    Examples:
        >>> from torch import nn
        >>> net = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False))
        >>> for part, weight in zip(net, (2.0, -3.0)):
        ...     _ = part.weight.data.fill_(weight)
        >>> x, all_of_it = torch.full((1, 1, 2, 2), 0.5), (slice(None),)
        >>> gradient_times_activation(net, x, {"0": net[0]}, {"0": False}, torch.ones(1, 1, 2, 2), all_of_it)
        {'0': 12.0}
    """
    calls: dict[str, list[tuple[Tensor, Tensor]]] = {name: [] for name in blocks}

    def noting(name: str) -> Any:
        def hook(module: nn.Module, args: Any, result: Any) -> Any:
            if not isinstance(result, Tensor):
                return None
            given = args[0].detach().clone() if args and isinstance(args[0], Tensor) else None
            adds = residual[name] and given is not None and given.shape == result.shape
            active = result.detach() - given if adds and given is not None else result.detach().clone()
            calls[name].append((result, active))
            return result.clone()  # what follows may write into it

        return hook

    handles = [module.register_forward_hook(noting(name)) for name, module in blocks.items()]
    try:
        with torch.enable_grad():
            output: Tensor = network(image.detach().clone().requires_grad_())
            score = (weights * output[window]).double().sum()
    finally:
        for handle in handles:
            handle.remove()
    kept = [(name, result, active) for name, each in calls.items() for result, active in each]
    asked = [result for _, result, _ in kept if result.requires_grad]
    found = iter(torch.autograd.grad(score, asked, allow_unused=True) if asked else ())
    scores = {name: 0.0 if calls[name] else math.nan for name in blocks}
    for name, result, active in kept:
        gradient = next(found) if result.requires_grad else None
        if gradient is not None:
            scores[name] += float((gradient * active).double().abs().sum())
    return scores
