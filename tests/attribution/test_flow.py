"""The difference divided among blocks: without remainder, by hand, and on the networks of the zoo."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution import AttributionError, explain
from l2xbench.attribution.flow import AROUND, flow
from tests.attribution.networks import basicsr_networks, enliven
from tests.attribution.test_layers import ours


class Scale(nn.Module):
    """x + factor x, with two layers so that it counts as a block."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 1, 1, bias=False), nn.Conv2d(1, 1, 1, bias=False)
        with torch.no_grad():
            self.first.weight.fill_(factor)
            self.second.weight.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Net(nn.Module):
    """x + the blocks of x."""

    def __init__(self, *factors: float) -> None:
        super().__init__()
        self.body = nn.Sequential(*(Scale(factor) for factor in factors))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x) + x


def test_two_blocks_by_hand() -> None:
    """The output is x + (1 + a)(1 + b) x: skip 1, past 1, the first writes a, the second b (1 + a)."""
    a, b = 0.5, 0.25
    x = torch.rand(1, 1, 4, 5).double() + 0.1
    found = flow(Net(a, b).double(), x, reference="black", groups={"one": ["body.0"], "two": ["body.1"]})
    whole = 1 + (1 + a) * (1 + b)
    first, second = found.blocks
    assert first.written == pytest.approx(a / whole)
    assert second.written == pytest.approx(b * (1 + a) / whole)
    assert first.share == pytest.approx(a * (1 + b) / whole)
    assert second.share == pytest.approx(second.written)
    assert found.skip == pytest.approx(1 / whole) and found.around == pytest.approx(2 / whole)
    assert first.activity == pytest.approx(a) and first.residual and first.kind == "Scale" and first.parameters == 2
    torch.testing.assert_close(found.maps["one"], a * x[0])
    torch.testing.assert_close(found.maps["two"], b * (1 + a) * x[0])
    torch.testing.assert_close(found.maps[AROUND], 2 * x[0])


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    **{name: (lambda name=name: basicsr_networks()[name]()) for name in ("EDSR", "RCAN", "SwinIR")},
    "CARN": partial(ours, "CARN", n_feats=8, n_blocks=3),
    "MSRN": partial(ours, "MSRN", scale=2, n_feats=8, n_blocks=3),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_blocks_and_what_goes_around_are_the_whole(name: str) -> None:
    torch.manual_seed(0)
    network = enliven(NETWORKS[name]()).double()
    x = torch.rand(1, 3, 16, 16).double()
    plain = explain(network, x, layers="blocks")
    found = flow(network, x, groups=lambda names: {name: [name] for name in names})
    assert found.error < 1e-10 and found.delta == pytest.approx(float(plain.delta))
    assert [block.name for block in found.blocks] == list(plain.layers)
    torch.testing.assert_close(found.values, plain.values[0])
    torch.testing.assert_close(sum(found.maps.values()), found.values)
    for block in found.blocks:
        assert float(found.maps[block.name].sum()) / found.delta == pytest.approx(block.written, abs=1e-10)
    assert math.isnan(found.skip) == (name in ("CARN", "MSRN"))
    last = found.blocks[-1]
    assert last.written == pytest.approx(last.share, abs=1e-10)  # nothing comes after it
    assert not any(module._forward_hooks for module in network.modules())


def test_what_cannot_be_divided_is_told() -> None:
    with pytest.raises(AttributionError, match="of one image"):
        flow(Net(1.0, 1.0), torch.rand(2, 1, 4, 4))
    with pytest.raises(AttributionError, match=r"'body.0.first' lies within 'body.0'|lies within"):
        flow(Net(1.0, 1.0), torch.rand(1, 1, 4, 4), layers=["body.0", "body.0.first"])
    with pytest.raises(AttributionError, match="no repeated parts"):
        flow(nn.Sequential(nn.Conv2d(3, 3, 1)), torch.rand(1, 3, 4, 4))
