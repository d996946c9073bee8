"""A state dict into a network: what does not fit is told by prefix and cause."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from l2xbench.errors import RequestError
from l2xbench.zoo.fitting import load_strictly


def _net(features: int = 4, blocks: int = 2) -> nn.Module:
    net = nn.Module()
    net.body = nn.Sequential(*(nn.Conv2d(features, features, 3) for _ in range(blocks)))
    net.upsample = nn.Conv2d(features, 12, 3)
    return net


def _state(**sizes: int) -> dict[str, torch.Tensor]:
    return dict(_net(**sizes).state_dict())


MISFITS = {
    "fewer blocks": (_state(blocks=1), ["missing 2 keys (body.* 2)", "fewer blocks"]),
    "more blocks": (_state(blocks=3), ["unexpected 2 keys (body.* 2)", "more blocks"]),
    "another size": (_state(features=5), ["of another shape", "another size"]),
    "another network": ({"layers.weight": torch.ones(1)}, ["missing 6 keys", "layers.* 1", "another architecture"]),
    "another scale": (
        {**_state(), "upsample.weight": torch.ones(27, 4, 3, 3), "upsample.bias": torch.ones(27)},
        ["2 of another shape", "upsample.weight is (27, 4, 3, 3), needed (12, 4, 3, 3)", "another scale"],
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_misfit_is_told_by_prefix_and_cause(name: str) -> None:
    state, expected = MISFITS[name]
    with pytest.raises(RequestError) as raised:
        load_strictly(_net(), state, source="file.pth", what="Net")
    for part in ["file.pth: does not fit Net", *expected]:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (torch.full((12,), float("nan")), "upsample.bias holds NaN"),
        (torch.zeros(12, dtype=torch.complex64), "upsample.bias is sparse, quantized or complex"),
        (torch.zeros(12).to_sparse(), "upsample.bias is sparse, quantized or complex"),
    ],
)
def test_numbers_that_no_network_is_made_of(bad: torch.Tensor, expected: str) -> None:
    with pytest.raises(RequestError, match=f"file.pth: {expected}"):
        load_strictly(_net(), {**_state(), "upsample.bias": bad}, source="file.pth", what="Net")


def test_what_fits_is_loaded() -> None:
    net, state = _net(), _state()
    load_strictly(net, state, source="file.pth", what="Net")
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
