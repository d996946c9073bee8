"""What an SR image takes, against arithmetic and published numbers."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import l2xbench
from l2xbench.studies.restoration.counted import counted
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.network import Network

PIXELS = 64 * 64
OF_720P = 1280 * 720 / 16 / PIXELS
"""How many times as many LR pixels papers count for, at scale 4."""


def wrapped(core: nn.Module) -> Network:
    return Network(core, ModelCard(name="a", title="a", provider="module", module="a:A"), scale=1, weights="random")


class Products(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.matmul(x, x.transpose(-1, -2))


class Attention(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(x, x, x)


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.MultiheadAttention(64, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x[0], x[0], x[0], need_weights=False)[0][None]


BY_HAND = {
    "convolution": (nn.Conv2d(3, 3, 3, padding=1, bias=False), 2 * PIXELS * 9 * 3 * 3),
    "product": (Products(), 2 * 3 * 64**3),
    "attention": (Attention(), 2 * 2 * 3 * 64**3),
    "activation": (nn.ReLU(), 0),
    # three planes: four projections, and two products a head
    "multi-head attention": (Layer(), 3 * (4 * 2 * 64**3 + 2 * 2 * 64**3)),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_operations_are_those_of_arithmetic(name: str) -> None:
    core, expected = BY_HAND[name]
    assert counted(wrapped(core)).flops == expected


@pytest.mark.parametrize(("name", "billions"), [("carn", 90.9), ("carn-m", 32.5)])
def test_operations_are_those_that_papers_print(name: str, billions: float) -> None:
    """CARN's paper (Ahn et al., ECCV 2018, Table 1) counts multiply-adds for an SR image of 1280 x 720."""
    found = counted(l2xbench.load_model(name, weights="random")).flops
    assert found is not None
    assert found / 2 * OF_720P / 1e9 == pytest.approx(billions, abs=0.05)


def test_memory_is_what_is_alive_at_once() -> None:
    plane = PIXELS * 4
    one = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    two = nn.Conv2d(8, 3, 3, padding=1, bias=False)
    weights = 2 * 8 * 3 * 9 * 4
    chain = nn.Sequential(one, nn.ReLU(), two)
    # the image and the network's own copy; ReLU's input is still there when its output is made
    assert counted(wrapped(chain)).memory == weights + (3 + 3 + 8 + 8) * plane


def test_a_pass_does_as_it_would_alone() -> None:
    network = l2xbench.load_model("swinir-compact")
    lr = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        before = network(lr)
        assert counted(network).flops
        assert torch.equal(network(lr), before)


def test_what_cannot_be_counted_is_told() -> None:
    class OfOneSize(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + torch.ones(1, 3, 8, 8)

    found = counted(wrapped(OfOneSize()))
    assert found.flops is None and found.memory is None
    assert "RuntimeError" in found.reason
