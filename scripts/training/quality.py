"""PSNR of a network on held-out pairs, measured as SR papers report it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from l2xbench.data.metrics import Comparison
from training.images import Pair


class HeldOut:
    """Images that are not trained on, ready on the device to be compared with."""

    def __init__(self, pairs: Sequence[Pair], scale: int, device: torch.device) -> None:
        self._lr = [pair.lr.to(device).permute(2, 0, 1)[None].float() / 255 for pair in pairs]
        self._compare = [Comparison(pair.hr.numpy(), scale, "y", device) for pair in pairs]

    @torch.no_grad()
    def psnr(self, network: nn.Module) -> float:
        """Mean PSNR in dB: Y channel, a border of `scale` pixels shaved, the output rounded to 8 bits."""
        was_training = network.training
        network.eval()
        found = [compare(network(lr))[0][0] for lr, compare in zip(self._lr, self._compare, strict=True)]
        network.train(was_training)
        return sum(found) / len(found)
