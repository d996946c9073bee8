"""A network that has run in inference mode, and kept what it computed there, is explained all the same."""

from __future__ import annotations

import torch

import l2xbench


class KeepsItsMean(torch.nn.Module):
    """As BasicSR's networks do, which bring their mean to the input's type in each pass and keep it."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = torch.tensor([0.4, 0.5, 0.3]).view(1, 3, 1, 1)
        self.conv = torch.nn.Conv2d(3, 12, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.mean = self.mean.double().type_as(x)
        return torch.nn.functional.pixel_shuffle(torch.relu(self.conv(x - self.mean)), 2)


def test_tensors_kept_from_inference_mode_do_no_harm() -> None:
    torch.manual_seed(0)
    network = KeepsItsMean()
    lr = torch.rand(1, 3, 12, 12)
    with torch.inference_mode():
        network(lr)
        before = network(lr).clone()
    assert network.mean.is_inference()
    assert l2xbench.explain(network, lr).completeness_error.max() < 1e-5
    assert torch.equal(network(lr), before)
