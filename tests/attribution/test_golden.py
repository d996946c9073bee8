<<<<<<< HEAD
"""L2X of the authors' own ReLU networks, where the rule leaves no choice, against attributions made with their code."""

from __future__ import annotations

=======
"""L2X against attributions made with the authors' own code, on networks where the rule leaves no choice."""

from __future__ import annotations

import json
import zlib
>>>>>>> methods
from pathlib import Path

import numpy as np
import pytest
import torch
<<<<<<< HEAD

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
        reference=golden["reference"].double(),
        target=["image", f"neuron:{neuron}"],
    )
    assert (image.values - golden["attribution_image"]).abs().max() <= 1e-8
    assert (single.values - golden["attribution_neuron"]).abs().max() <= 1e-8
    difference = golden["output"] - golden["output_reference"]
    torch.testing.assert_close(image.delta, difference.abs().sum().reshape(1), rtol=1e-9, atol=0)
    assert image.completeness_error.max() < 1e-10
=======
from torch import Tensor

import l2xbench
from l2xbench.zoo.cards import make_card

ARCHS = {
    "edsr_baseline": {
        "provider": "basicsr",
        "arch": {"type": "EDSR", "num_in_ch": 3, "num_out_ch": 3, "upscale": 4, "img_range": 255},
    },
    "carn": {"provider": "l2xbench", "arch": {"type": "CARN", "scale": 4}},
    "msrn": {"provider": "l2xbench", "input_range": 255, "arch": {"type": "MSRN", "scale": 4}},
}


def golden_weight(key: str, shape: list[int]) -> Tensor:
    """The formula that fills the golden networks."""
    z = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(shape)
    if len(shape) >= 2:
        return torch.from_numpy(0.5 * z / np.sqrt(np.prod(shape[1:])))
    return torch.from_numpy(1 + 0.1 * z if key.endswith("weight") else 0.05 * z)


@pytest.mark.parametrize("name", ARCHS)
def test_the_golden_attributions(shared: Path, name: str) -> None:
    golden = json.loads((shared / "golden" / f"{name}.json").read_text())
    maps = np.load(shared / "golden" / f"{name}_l2x.npz")
    weights = {key: golden_weight(key, shape) for key, shape in golden["weights"].items() if key not in golden["fixed"]}
    card = make_card({"name": name, **ARCHS[name]}, source="test", folder=Path())
    torch.set_default_dtype(torch.float64)  # the weights are, and must not pass through float32
    try:
        net = l2xbench.load_model(card, weights=weights)
    finally:
        torch.set_default_dtype(torch.float32)
    lr = torch.from_numpy(maps["input"]).double()
    neuron = tuple(int(i) for i in maps["neuron"])
    image, single = l2xbench.explain(net, lr, reference="blur", target=["image", neuron])
    np.testing.assert_allclose(net(lr).detach().numpy(), maps["output"], atol=1e-9)
    np.testing.assert_allclose(image.reference.numpy(), maps["reference"], atol=1e-12)
    np.testing.assert_allclose(image.values.numpy(), maps["attribution_image"], atol=1e-9)
    np.testing.assert_allclose(single.values.numpy(), maps["attribution_neuron"], atol=1e-9)
>>>>>>> methods
