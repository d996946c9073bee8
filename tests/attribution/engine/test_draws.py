"""Random numbers whose distribution the image decides: the same draw in both streams, and in a plain pass."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution import explain
from l2xbench.attribution.captured.graphs import passes_before
from l2xbench.attribution.engine.paired import paired_forward
from tests.attribution.properties import Network, images

DRAWN: dict[str, Callable[[Tensor], Tensor]] = {
    "bernoulli": lambda x: x * torch.bernoulli(x.sigmoid()),
    "bernoulli of what carries no gradient": lambda x: x * torch.bernoulli(x.detach().sigmoid()),
    "normal": lambda x: torch.normal(x, 0.3).relu(),
    "multinomial": lambda x: x * torch.multinomial(x.flatten(1).softmax(1), 6).to(x.dtype).view(2, 1, 1, 6),
    "a draw, then another": lambda x: torch.bernoulli(x.sigmoid()) * torch.rand_like(x) + x * torch.rand(6),
}


@pytest.mark.parametrize("name", DRAWN)
def test_both_streams_see_the_draw_of_a_plain_pass(name: str) -> None:
    x, x_ref = images(0)
    plain = []
    for image in (x, x_ref):
        torch.manual_seed(3)
        plain.append(DRAWN[name](image.clone()))
    torch.manual_seed(3)
    with paired_forward(Network(DRAWN[name]), x, x_ref) as out:
        torch.testing.assert_close([out.value.detach(), out.reference], plain)
        (m,) = torch.autograd.grad(out.value.sum(), out.inputs)
        difference = (out.value.detach() - out.reference).sum()
    torch.testing.assert_close((m * (x - x_ref)).sum(), difference)


class OwnDice(nn.Module):
    """Draws from generators of its own: one of each kind."""

    def __init__(self) -> None:
        super().__init__()
        self.dice = {"torch": torch.Generator().manual_seed(1), "python": random.Random(1)}
        self.numbers = [np.random.default_rng(1), np.random.RandomState(1)]

    def forward(self, x: Tensor) -> Tensor:
        kept = torch.bernoulli(x.sigmoid(), generator=self.dice["torch"])
        drawn = self.numbers[0].random() * self.numbers[1].rand() + self.dice["python"].random()
        return x * kept + torch.rand(6, generator=self.dice["torch"]) * x * drawn


def test_generators_of_the_networks_own_draw_what_a_plain_pass_draws_and_are_put_back() -> None:
    x, x_ref = images(0)
    plain = [OwnDice()(x), OwnDice()(x_ref)]
    network = OwnDice()
    for _ in range(2):
        with paired_forward(network, x, x_ref) as out:
            torch.testing.assert_close([out.value.detach(), out.reference], plain)
            (m,) = torch.autograd.grad(out.value.sum(), out.inputs)
        torch.testing.assert_close((m * (x - x_ref)).sum(), (plain[0] - plain[1]).sum())
    torch.testing.assert_close(network(x), plain[0])
    again = network(x)
    assert not torch.equal(again, plain[0])


class Dithered(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.dice = np.random.default_rng(1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.from_numpy(self.dice.random((8, 8))).to(x)


def test_a_replayed_map_is_of_the_draw_that_is_next() -> None:
    network, x = Dithered(), torch.rand(1, 3, 8, 8)
    for _ in range(passes_before(x.device) + 2):
        assert explain(network, x, reference="black").delta.item() == pytest.approx(Dithered()(x).sum().item())
    next_but_one = Dithered()
    network(x), next_but_one(x)
    assert explain(network, x, reference="black").delta.item() == pytest.approx(next_but_one(x).sum().item())
