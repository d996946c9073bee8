"""Whether a network draws random numbers as it runs: Monte Carlo dropout, noise, sampled routes."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.draws import drawn_from
from l2xbench.attribution.engine.state import preserved

_SIDE = 48
"""LR pixels of the part that is looked at, at most."""
_ROUNDING = 1e-5
"""Two passes with one draw may differ by so much on a GPU, whose sums have no fixed order."""


def is_random(network: nn.Module, lr: Tensor) -> bool:
    """Whether two passes with different seeds differ; looked at once for each network, on the first image given.

    Args:
        network: in evaluation mode.
        lr: (1, 3, H, W) in [0, 1], on its device; the upper left of it is taken.
    """
    if network not in _known:
        try:
            _known[network] = _differs(network, lr[..., :_SIDE, :_SIDE])
        except Exception:  # a network of one size
            _known[network] = _differs(network, lr)
    return _known[network]


def _differs(network: nn.Module, lr: Tensor) -> bool:
    outputs = []
    with preserved(network, parameters=False), torch.no_grad():  # it may have generators of its own
        for seed in (0, 1):
            with drawn_from(seed, lr.device):
                outputs.append(network(lr))
    first, second = outputs
    return bool((first - second).abs().max() > _ROUNDING * first.abs().max())


_known: WeakKeyDictionary[nn.Module, bool] = WeakKeyDictionary()
