"""Every network of the zoo equals its authors' code: key names, shapes, and outputs in float64."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import l2xbench
from tests.golden import NAMES, card_name, read_golden

RENAMED = ("edsr", "edsr_baseline", "rcan")  # BasicSR's implementation has names of its own


@pytest.mark.parametrize("name", NAMES)
def test_equals_the_official_network(shared: Path, name: str) -> None:
    golden = read_golden(shared, name)
    network = l2xbench.load_model(card_name(name), weights=golden.state_dict())
    with torch.inference_mode():
        error = (network(golden.input) - golden.output).abs().max()
    assert error <= (1e-6 if name == "san" else 1e-9)

    assert network.parameter_count == golden.parameters == network.card.parameters
    if name not in RENAMED:
        shapes = {key: list(value.shape) for key, value in network.core.state_dict().items()}
        assert shapes == {**golden.weights, **golden.fixed}
        return
    # what was loaded, saved in BasicSR's dialect, is the same network again
    again = l2xbench.load_model(card_name(name), weights=network.core.state_dict())
    with torch.inference_mode():
        assert (again(golden.input) - golden.output).abs().max() <= 1e-9


@pytest.mark.parametrize("name", NAMES)
def test_official_files_carry_constants_too(shared: Path, name: str) -> None:
    """An authors' checkpoint in float32 holds mean shifts, index tables and masks beside the weights."""
    golden = read_golden(shared, name)
    state_dict = {key: torch.zeros(shape) for key, shape in {**golden.weights, **golden.fixed}.items()}
    for shift, sign in (("sub_mean", -1), ("add_mean", 1)):
        for prefix in (shift, f"{shift}.shifter"):
            if f"{prefix}.weight" in state_dict:
                state_dict[f"{prefix}.weight"] = torch.eye(3)[:, :, None, None]
                scale = 1 if "shifter" in prefix else 255
                state_dict[f"{prefix}.bias"] = sign * scale * torch.tensor([0.4488, 0.4371, 0.4040])
    network = l2xbench.load_model(card_name(name), weights=state_dict)
    assert next(network.parameters()).dtype == torch.float32
    assert not any(parameter.any() for parameter in network.parameters())
