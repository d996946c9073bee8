"""The compact networks that ship with their weights: all eleven architectures, trained by one recipe."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch

import l2xbench
from l2xbench import cli
from l2xbench.data.datasets import open_dataset
from l2xbench.data.images import to_tensor
from l2xbench.data.metrics import Comparison
from l2xbench.resources import models_folder
from l2xbench.studies.reading import read_study
from l2xbench.zoo.archs.bicubic import Bicubic
from l2xbench.zoo.cards import ModelCard, bundled_cards, find_card

NAMES = ("edsr", "mdsr", "carn", "rcan", "drln", "han", "san", "msrn", "rnan", "swinir", "swin2sr")
GATED = {"han": {"la.gamma", "csa.gamma"}, "san": {"gamma", "non_local.non_local.W.weight"}}
GATED["rnan"] = {f"body_nl_{end}.0.body.0.RA_MB.0.MB_RB1.0.W.weight" for end in ("low", "high")}
# one run's layer attention stayed shut, the other seed's did not
CLOSED = {"han-compact": {"la.gamma"}}
WORST_SET5 = 31.0
SEEDS = [f"{name}-compact{seed}" for name in NAMES for seed in ("", "-s1")]


def card(name: str) -> ModelCard:
    return find_card(name)


def test_the_compact_cards_are_the_eleven_architectures_and_a_second_seed_of_each() -> None:
    assert {name for name in bundled_cards() if "-compact" in name} == set(SEEDS)
    assert {card(f"{name}-compact").arch["type"].lower() for name in NAMES} == set(NAMES)
    for name in NAMES:
        first, second = card(f"{name}-compact"), card(f"{name}-compact-s1")
        assert first.arch == second.arch and first.weights != second.weights
        assert first.weights_path and first.weights_path.is_relative_to(models_folder()), "in the wheel"
        assert second.weights_path and not second.weights_path.is_relative_to(models_folder()), "in the checkout alone"


def test_the_weights_are_small() -> None:
    sizes = {name: path.stat().st_size for name in SEEDS if (path := card(name).weights_path)}
    assert len(sizes) == len(SEEDS)
    assert max(sizes.values()) <= 2_000_000 and sum(sizes.values()) <= 40_000_000
    assert sum(size for name, size in sizes.items() if name.endswith("-compact")) <= 25_000_000, "in the wheel"
    assert all((card(name).parameters or 0) <= 500_000 for name in SEEDS)


def test_one_recipe_trained_them_all() -> None:
    recipes = [card(name).training["recipe"] for name in SEEDS]
    assert all({**recipe, "seed": 0} == recipes[0] for recipe in recipes)
    assert [recipe["seed"] for recipe in recipes] == [0, 1] * len(NAMES)


@pytest.mark.parametrize("name", SEEDS)
def test_a_card_tells_how_its_weights_came_about(name: str) -> None:
    training = card(name).training
    assert {"recipe", "data", "validation", "hardware", "hours", "measured"} <= training.keys()
    assert training["measured"]["Set5"][0] >= WORST_SET5
    gates = training.get("gates", {})
    assert gates.keys() == GATED.get(name.split("-")[0], set())
    learned = {gate for gate, value in gates.items() if value > 0.001}
    assert learned == gates.keys() - CLOSED.get(name, set()), "gates that start at zero have learned something"


@pytest.mark.parametrize("name", NAMES)
def test_the_second_seed_is_another_network_of_the_same_size(name: str) -> None:
    networks = [l2xbench.load_model(f"{name}-compact{seed}") for seed in ("", "-s1")]
    assert networks[0].parameter_count == networks[1].parameter_count == card(f"{name}-compact").parameters
    ramp = torch.linspace(0, 1, 16)
    lr = torch.stack([ramp[:, None] * ramp, ramp.flip(0)[:, None] * ramp, ramp.expand(16, 16)])[None]
    with torch.no_grad():
        first, second = (network(lr) for network in networks)
    assert not torch.equal(first, second) and (first - second).abs().mean() < 0.05


@pytest.mark.parametrize("name", NAMES)
def test_a_photograph_comes_out_better_than_interpolated(name: str) -> None:
    pair = open_dataset("photographs", "skimage", 4).pairs[0].load(4, 48)
    assert pair.hr is not None
    compare = Comparison(pair.hr, 4, "y", torch.device("cpu"))
    with torch.no_grad():
        (network,), _ = compare(l2xbench.load_model(f"{name}-compact")(to_tensor(pair.lr)))
        (interpolated,), _ = compare(Bicubic(4)(to_tensor(pair.lr)))
    assert network > interpolated + 0.5


@pytest.mark.parametrize("study", ["demo", "set5", "urban100", "manga109", "div2k"])
def test_the_bundled_studies_have_all_eleven_by_their_short_names(study: str) -> None:
    models = read_study(study).models
    assert {name: entry.card for name, entry in models.items()} == {name: f"{name}-compact" for name in NAMES}


@pytest.mark.parametrize("study", ["urban100-official", "manga109-official"])
def test_the_official_studies_are_the_paper_s_ten(study: str) -> None:
    models = read_study(study).models
    assert {name: entry.card for name, entry in models.items()} == {name: name for name in NAMES if name != "rnan"}


@pytest.mark.slow
def test_set5_through_the_command(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["run", "set5", "--data-root", str(shared / "data"), "--set", "attribution=null"]
    monkeypatch.setattr(sys, "argv", ["l2xbench", *arguments, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert exited.value.code == 0
    table = pd.read_csv(tmp_path / "tables" / "restoration.csv").set_index("model")
    for name in NAMES:
        psnr, ssim = card(f"{name}-compact").training["measured"]["Set5"]
        assert table.loc[name, "psnr"] == pytest.approx(psnr, abs=0.01) and psnr >= WORST_SET5
        assert table.loc[name, "ssim"] == pytest.approx(ssim, abs=0.0005)
