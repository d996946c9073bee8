"""The compact networks that ship with their weights: all eleven architectures, trained by one recipe."""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml

import l2xbench
from l2xbench import cli
from l2xbench.data.datasets import open_dataset
from l2xbench.data.images import to_tensor
from l2xbench.data.metrics import Comparison
from l2xbench.studies.reading import read_study
from l2xbench.zoo.archs.bicubic import Bicubic
from l2xbench.zoo.cards import bundled_cards, read_card

NAMES = ("edsr", "mdsr", "carn", "rcan", "drln", "han", "san", "msrn", "rnan", "swinir", "swin2sr")
GATED = {"han": {"la.gamma", "csa.gamma"}, "san": {"gamma", "non_local.non_local.W.weight"}}
GATED["rnan"] = {f"body_nl_{end}.0.body.0.RA_MB.0.MB_RB1.0.W.weight" for end in ("low", "high")}
WORST_SET5 = 30.3


def card(name: str) -> dict:
    text = yaml.safe_load(bundled_cards()[f"{name}-compact"].read_text())
    assert isinstance(text, dict)
    return text


def test_the_compact_cards_are_the_eleven_architectures() -> None:
    compact = {name for name in bundled_cards() if name.endswith("-compact")}
    assert compact == {f"{name}-compact" for name in NAMES}
    assert {card(name)["arch"]["type"].lower() for name in NAMES} == set(NAMES)


def test_the_weights_are_small() -> None:
    sizes = [
        path.stat().st_size for name in NAMES if (path := read_card(bundled_cards()[f"{name}-compact"]).weights_path)
    ]
    assert len(sizes) == len(NAMES)
    assert max(sizes) <= 2_000_000 and sum(sizes) <= 16_000_000


def test_one_recipe_trained_them_all() -> None:
    recipes = [card(name)["training"]["recipe"] for name in NAMES]
    assert all(recipe == recipes[0] for recipe in recipes)


@pytest.mark.parametrize("name", NAMES)
def test_a_card_tells_how_its_weights_came_about(name: str) -> None:
    training = card(name)["training"]
    assert {"recipe", "data", "validation", "hardware", "hours", "measured"} <= training.keys()
    assert training["measured"]["Set5"][0] >= WORST_SET5
    gates = training.get("gates", {})
    assert gates.keys() == GATED.get(name, set())
    assert all(value > 0.001 for value in gates.values()), "gates that start at zero have learned something"


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


def test_set5_through_the_command(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["run", "set5", "--data-root", str(shared / "data"), "--set", "attribution=null"]
    monkeypatch.setattr(sys, "argv", ["l2xbench", *arguments, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as exited:
        cli.main()
    assert exited.value.code == 0
    table = pd.read_csv(tmp_path / "tables" / "restoration.csv").set_index("model")
    for name in NAMES:
        psnr, ssim = card(name)["training"]["measured"]["Set5"]
        assert table.loc[name, "psnr"] == pytest.approx(psnr, abs=0.01) and psnr >= WORST_SET5
        assert table.loc[name, "ssim"] == pytest.approx(ssim, abs=0.0005)
