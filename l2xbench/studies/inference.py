"""Many images of one size through a network, as many at a time as memory allows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch
from torch import Tensor

from l2xbench.zoo.network import Network

_PIXELS = {"cpu": 64 * 64, "cuda": 128 * 64 * 64, "mps": 16 * 64 * 64}
"""LR pixels of a batch: more is slower on a CPU, whose caches it overruns; a GPU wants many."""


def device_of(network: Network) -> torch.device:
    """Where the network is."""
    return next(iter(network.parameters()), torch.empty(0)).device


class Batches:
    """Runs a network on batches; where memory runs out, on ever smaller ones.

    Attributes:
        seconds: time spent in the network so far.
    """

    def __init__(self, network: Network) -> None:
        self.network = network
        self.device = device_of(network)
        self.seconds = 0.0
        self._most: int | None = None

    def __call__(self, inputs: Tensor) -> Iterator[Tensor]:
        """The SR images of `inputs` (N, 3, h, w), in order, batch by batch, on the network's device.

        Raises:
            FloatingPointError: the network gave NaN or infinity.
            torch.OutOfMemoryError: one image alone is too large.
        """
        done = 0
        while done < len(inputs):
            size = self._most or max(1, _PIXELS[self.device.type] // (inputs.shape[-2] * inputs.shape[-1]))
            try:
                output = self._run(inputs[done : done + size])
            except torch.cuda.OutOfMemoryError:
                if size == 1:
                    raise
                self._most = size // 2
                torch.cuda.empty_cache()
                continue
            if not torch.isfinite(output).all():
                raise FloatingPointError("the network's output holds NaN or infinity")
            done += len(output)
            yield output

    def _run(self, inputs: Tensor) -> Tensor:
        inputs = inputs.to(self.device)
        started = time.perf_counter()
        with torch.no_grad():
            output: Tensor = self.network(inputs)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds += time.perf_counter() - started
        return output
