"""L2X of the authors' own ReLU networks, where the rule leaves no choice, against attributions made with their code."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import l2xbench
from tests.golden import card_name, read_golden


@pytest.mark.parametrize("name", ["carn", "edsr_baseline", "msrn"])
def test_equals_the_golden_attributions(shared: Path, name: str) -> None:
    network = l2xbench.load_model(card_name(name), weights=read_golden(shared, name).state_dict())
    with np.load(shared / "golden" / f"{name}_l2x.npz") as file:
        golden = {key: torch.from_numpy(file[key]) for key in file.files}
    neuron = ",".join(str(int(place)) for place in golden["neuron"])
    image, single = l2xbench.explain(
        network,
        golden["input"].double(),
        reference="blur",
        target=["image", f"neuron:{neuron}"],
    )
    assert (image.reference - golden["reference"]).abs().max() <= 1e-12
    assert (image.values - golden["attribution_image"]).abs().max() <= 1e-8
    assert (single.values - golden["attribution_neuron"]).abs().max() <= 1e-8
    difference = golden["output"] - golden["output_reference"]
    torch.testing.assert_close(image.delta, difference.abs().sum().reshape(1), rtol=1e-9, atol=0)
    assert image.completeness_error.max() < 1e-10
