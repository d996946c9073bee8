"""A state dict into a network: what does not fit is told by prefix and cause."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from l2xbench.errors import RequestError
from l2xbench.zoo.fitting import load_strictly


def _net(features: int = 4, blocks: int = 2) -> nn.Module:
    net = nn.Module()
    net.body = nn.Sequential(*(nn.Conv2d(features, features, 3) for _ in range(blocks)))
    net.upsample = nn.Conv2d(features, 12, 3)
    return net


def _state(**sizes: int) -> dict[str, torch.Tensor]:
    return dict(_net(**sizes).state_dict())


def _in_parts(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    merged = state.pop("upsample.weight")
    return {**state, "upsample.weight_g": torch.ones(12, 1, 1, 1), "upsample.weight_v": merged}


MISFITS = {
    "weights in parts": (_in_parts(_state()), ["missing 1 key", "unexpected 2 keys", "weights kept in parts"]),
    "a part of FSDP's": ({"_fsdp_wrapped_module.flat_param": torch.ones(9)}, ["save a full state dict"]),
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
        (torch.full((12,), float("-inf")), "upsample.bias holds Inf"),
        (torch.ones(12, dtype=torch.int8), "upsample.bias holds int8 numbers, as quantised weights do"),
        (torch.zeros(12).to_sparse(), "upsample.bias is sparse, quantized or complex"),
    ],
)
def test_numbers_that_no_network_is_made_of(bad: torch.Tensor, expected: str) -> None:
    with pytest.raises(RequestError, match=f"file.pth: {expected}"):
        load_strictly(_net(), {**_state(), "upsample.bias": bad}, source="file.pth", what="Net")


def test_weights_that_were_merged_are_told() -> None:
    net, state = _net(), _state()
    parametrizations.weight_norm(net.upsample)
    with pytest.raises(RequestError, match="weights that were merged"):
        load_strictly(net, state, source="file.pth", what="Net")


def test_what_fits_is_loaded() -> None:
    net, state = _net(), _state()
    load_strictly(net, state, source="file.pth", what="Net")
    assert all(torch.equal(value, state[key]) for key, value in net.state_dict().items())
