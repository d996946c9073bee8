"""The parameter-randomisation check: which maps change with the network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import l2xbench
from l2xbench.data.datasets import LoadedPair
from l2xbench.studies.attribution import compute as attribution
from l2xbench.studies.randomisation import compute as randomisation
from l2xbench.studies.reading import parse_study
from l2xbench.studies.registry import study_named


class TwoStage(nn.Module):
    """Registered in another order than called, with a part that is never trained."""

    def __init__(self) -> None:
        super().__init__()
        self.tail = nn.Conv2d(8, 48, 3, padding=1)
        self.shift = nn.Conv2d(3, 3, 1).requires_grad_(False)
        self.head = nn.Conv2d(3, 8, 3, padding=1)

    def forward(self, lr: torch.Tensor) -> torch.Tensor:
        return nn.functional.pixel_shuffle(self.tail(torch.relu(self.head(self.shift(lr)))), 4)


@pytest.fixture
def pair() -> LoadedPair:
    lr = np.random.default_rng(0).integers(0, 256, (12, 14, 3)).astype(np.uint8)
    return LoadedPair("noise", lr, None, "12" * 32)


def options(method: str, **wanted: object) -> dict:
    blocks = {"randomisation": wanted, "attribution": {"reference": "mean", "methods": ["l2x"]}}
    study = parse_study({"study": "s", "models": {"a": "edsr"}, "datasets": {"d": "skimage"}, **blocks})
    return dict(study_named("randomisation").units(study))[method]


def given(network: nn.Module, pair: LoadedPair, method: str) -> dict[str, np.ndarray]:
    found = attribution.compute(network, pair, options(method)["map"])
    return found.arrays["attribution"]


def test_layers_are_found_in_the_order_in_which_they_are_called() -> None:
    network = TwoStage()
    assert randomisation.layers_in_order(network, torch.rand(1, 3, 8, 8)) == ["head", "tail"]
    assert not any(module._forward_pre_hooks for module in network.modules())


def test_redrawn_layers_keep_the_size_of_their_parameters_and_nothing_of_their_values() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 32, 3)
    before = layer.weight.detach().clone()
    randomisation.redraw([layer], torch.Generator().manual_seed(0))
    assert float(layer.weight.detach().std()) == pytest.approx(float(before.std()), rel=0.05)
    assert abs(float(np.corrcoef(before.ravel(), layer.weight.detach().ravel())[0, 1])) < 0.05


def test_a_map_of_the_network_changes_and_the_control_does_not(pair: LoadedPair) -> None:
    network = l2xbench.load_model("edsr-compact")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = {
        method: randomisation.compute(network, pair, options(method), given(network, pair, method)).values
        for method in ("l2x", "difference")
    }
    assert found["difference"]["spearman"] == pytest.approx([1, 1, 1])
    assert found["l2x"]["spearman"][-1] < 0.9
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items()), "the trained one"


def test_depths_are_cumulative_and_begin_at_the_output(pair: LoadedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    redrawn: list[list[str]] = []
    original = randomisation.redraw

    def watch(layers: list[nn.Module], generator: torch.Generator) -> None:
        redrawn.append([f"{layer.in_channels} to {layer.out_channels}" for layer in layers])
        original(layers, generator)

    monkeypatch.setattr(randomisation, "redraw", watch)
    network = TwoStage()
    found = randomisation.compute(network, pair, options("l2x", depths=[1.0, 0.5]), given(network, pair, "l2x"))
    assert redrawn == [["8 to 48"], ["3 to 8"]]
    assert found.values["depths"] == [0.5, 1.0]
