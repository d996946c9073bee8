"""Sensitivity-n, on networks whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import l2xbench
from l2xbench.data.datasets import LoadedPair
from l2xbench.studies.attribution import compute as attribution
from l2xbench.studies.reading import parse_study
from l2xbench.studies.registry import study_named
from l2xbench.studies.sensitivity import compute as sensitivity


@pytest.fixture
def pair() -> LoadedPair:
    lr = np.random.default_rng(0).integers(0, 256, (9, 10, 3)).astype(np.uint8)
    return LoadedPair("noise", lr, None, "12" * 32)


def correlations(network: nn.Module, pair: LoadedPair, method: str = "l2x", **wanted: object) -> list[float]:
    maps = {"reference": "mean", "target": "patch:8,8,8,8", "methods": ["l2x", "integrated_gradients"]}
    blocks = {"sensitivity": {"sizes": 5, **wanted}, "attribution": maps}
    study = parse_study({"study": "s", "models": {"a": "edsr"}, "datasets": {"d": "skimage"}, **blocks})
    options = study_named("attribution").options_of(study, method)
    made = attribution.compute(network, pair, options).arrays["attribution"]
    found = sensitivity.compute(network, pair, dict(study_named("sensitivity").units(study))[method], made).values
    assert found["sizes"][0] == 1
    assert len(found["sizes"]) == len(found["correlation"]) == 5
    return found["correlation"]


@pytest.mark.parametrize("granularity", ["pixel", "element"])
def test_a_linear_network_has_it_for_every_n(pair: LoadedPair, granularity: str) -> None:
    torch.manual_seed(0)
    linear = nn.Sequential(nn.Conv2d(3, 48, 3, padding=1), nn.PixelShuffle(4))
    assert correlations(linear, pair, granularity=granularity) == pytest.approx([1] * 5, abs=1e-4)


def test_at_all_features_it_is_completeness(pair: LoadedPair) -> None:
    network = l2xbench.load_model("edsr-compact")
    assert correlations(network, pair)[-1] == pytest.approx(1, abs=1e-4)


def test_a_map_without_the_network_does_not_have_it(pair: LoadedPair) -> None:
    network = l2xbench.load_model("edsr-compact")
    l2x, control = correlations(network, pair), correlations(network, pair, "difference")
    assert np.mean(l2x[:-1]) > np.mean(control[:-1]) + 0.2
    assert abs(control[-1] - 1) > 0.01


def test_the_network_answers_once_for_all_methods(pair: LoadedPair) -> None:
    network = l2xbench.load_model("edsr-compact")
    alone = correlations(l2xbench.load_model("edsr-compact"), pair, "difference")
    correlations(network, pair)
    passes = []
    network.register_forward_pre_hook(lambda *_: passes.append(1))
    assert correlations(network, pair, "difference") == alone
    assert passes == []
    assert correlations(network, pair, "difference", subsets=4) != alone
    assert passes
