"""Quicker passes are taken only where PSNR and SSIM stay what they are; otherwise plain ones are, and it is told."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from l2xbench.data.pairs import LoadedPair
from l2xbench.run.in_process import InProcess
from l2xbench.studies.ablation import compute as ablation
from l2xbench.studies.attribution import compute as attribution
from l2xbench.studies.reading import parse_study
from l2xbench.studies.registry import study_named
from l2xbench.studies.restoration import compute as restoration
from l2xbench.studies.shared import passes
from l2xbench.studies.shared.passes import are_known, passes_of
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.network import Network
from tests.conftest import Command

ALL = ["channels_last", "inference_mode"]
SR = {"colour": "y", "border": 2}


class Small(nn.Module):
    """Keeps what it last computed, as some networks do; `error` is what a pass in inference mode adds."""

    def __init__(self, error: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.error = error
        self.body = nn.Sequential(nn.Conv2d(3, 12, 3, padding=1), nn.PixelShuffle(2))
        self.seen: list[tuple[bool, bool]] = []
        self.kept: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        strided = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
        self.seen.append((strided, torch.is_inference_mode_enabled()))
        self.kept = x + 0
        output: Tensor = x.repeat_interleave(2, -1).repeat_interleave(2, -2) + 0.02 * self.body(self.kept)
        return output + self.error if torch.is_inference_mode_enabled() else output


def network(error: float = 0.0) -> Network:
    return Network(Small(error), ModelCard(name="small", provider="module", module="m:N"), scale=2, weights="random")


@pytest.fixture
def pair() -> LoadedPair:
    hr = np.random.default_rng(0).integers(60, 190, size=(48, 40, 3), dtype=np.uint8)
    return LoadedPair("noise", hr[::2, ::2].copy(), hr, "d1ce")


def test_right_passes_are_taken_and_the_network_is_left_alone(pair: LoadedPair) -> None:
    one = network()
    plain = restoration.compute(one, pair, SR).finished()
    quick = restoration.compute(one, pair, {**SR, "inference": ALL}).finished()
    assert quick.values["inference"] == "channels_last, inference_mode" and "inference" not in plain.values
    assert quick.values["psnr"] == pytest.approx(plain.values["psnr"], abs=0.001)
    taken = passes_of(one, {**SR, "inference": ALL}, pair).network
    assert taken is not one
    assert taken._copy.core.seen[-1] == (True, True)
    assert set(one.core.seen) == {(False, False)}
    output = taken(torch.rand(1, 3, 8, 8))
    assert output.is_contiguous() and output.dtype == torch.float32
    output.mul_(2)  # as a tensor of inference mode could not be
    found = attribution.compute(one, pair, {"method": "l2x", "reference": "black", "target": "image", "seed": 0})
    assert found.values["completeness_error"] < 1e-4


def test_wrong_passes_are_not_taken_and_told(pair: LoadedPair) -> None:
    one = network(error=0.05)
    plain = restoration.compute(one, pair, SR).finished()
    told = restoration.compute(one, pair, {**SR, "inference": ["inference_mode"]}).finished()
    assert told.values["psnr"] == plain.values["psnr"]
    assert str(told.values["inference"]).startswith("plain: inference_mode would be off by ")
    assert "dB" in str(told.values["inference"]) and "on noise" in str(told.values["inference"])


def test_the_first_image_decides_for_all(pair: LoadedPair) -> None:
    one = network()
    bare = LoadedPair("bare", pair.lr, None, "other")
    assert not are_known(one)
    assert passes_of(one, {**SR, "inference": ALL}, bare).told.startswith("plain: bare has no HR image")
    assert are_known(one)
    assert passes_of(one, {**SR, "inference": ALL}, pair).told.startswith("plain: bare")


@pytest.mark.parametrize("error", [RuntimeError("no compiler\nhere"), NotImplementedError("no such kernel")])
def test_what_cannot_be_compiled_is_told(pair: LoadedPair, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken(module: nn.Module, **options: object) -> Callable[[Tensor], Tensor]:
        def run(x: Tensor) -> Tensor:
            raise error

        return run

    monkeypatch.setattr(passes.torch, "compile", broken)
    told = passes_of(network(), {**SR, "inference": ["compile"]}, pair).told
    assert told == f"plain: {type(error).__name__}: {' '.join(str(error).split())}"


def test_compiled_and_autocast_passes_are_run_as_asked(pair: LoadedPair, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    monkeypatch.setattr(passes.torch, "compile", lambda module, **options: (compiled.append(options), module)[1])
    monkeypatch.setattr(passes, "PSNR_WITHIN", 1.0)
    monkeypatch.setattr(passes, "SSIM_WITHIN", 1.0)
    one = network()
    taken = passes_of(one, {**SR, "inference": ["autocast", "compile"]}, pair)
    assert taken.told == "autocast, compile" and compiled == [{"dynamic": True}]
    lr = torch.rand(1, 3, 8, 8)
    with torch.no_grad():
        assert taken.network(lr).dtype == torch.float32
        assert not torch.equal(taken.network(lr), one(lr)), "in half precision"


def test_ablation_takes_them_too(pair: LoadedPair) -> None:
    options = {"method": "random", "granularity": "pixel", "order": "random", "ratios": [0.2], "random_orders": 1}
    options |= {"replacement": "mean", "reference": "", "seed": 0, **SR}
    plain = ablation.compute(network(), pair, options)
    quick = ablation.compute(network(), pair, {**options, "inference": ALL})
    assert quick.values["inference"] == "channels_last, inference_mode" and "inference" not in plain.values
    assert np.allclose(quick.values["psnr"], plain.values["psnr"], atol=0.001)


def test_a_copy_goes_with_its_network(pair: LoadedPair) -> None:
    one = network()
    copy = weakref.ref(passes_of(one, {**SR, "inference": ALL}, pair).network)
    del one
    gc.collect()
    assert copy() is None


def test_they_are_part_of_the_keys_and_only_of_those_that_take_them() -> None:
    given = {"study": "s", "models": {"a": "edsr-compact"}, "datasets": {"d": "./x"}, "ablation": {}}
    plain = parse_study(given)
    quick = parse_study({**given, "inference": ["inference_mode", "channels_last", "channels_last"]})
    assert quick.inference == ["channels_last", "inference_mode"]
    assert parse_study({**given, "inference": "compile"}).inference == ["compile"]
    for study in (study_named("restoration"), study_named("ablation")):
        for (_, before), (_, after) in zip(study.units(plain), study.units(quick), strict=True):
            assert "inference" not in before and after == {**before, "inference": ALL}
    assert study_named("attribution").units(plain) == study_named("attribution").units(quick)


NET = """
import torch
class Net(torch.nn.Module):
    scale = 4
    def __init__(self, error):
        super().__init__()
        self.error = error
        self.conv = torch.nn.Conv2d(3, 48, 3, padding=1)
    def forward(self, x):
        wrong = self.error if torch.is_inference_mode_enabled() else 0.0
        up = torch.nn.functional.interpolate(x, scale_factor=4)
        return up + 0.01 * torch.nn.functional.pixel_shuffle(self.conv(x), 4) + wrong
"""


@pytest.mark.slow
def test_a_study_says_how_its_networks_were_run(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]
) -> None:
    (tmp_path / "net.py").write_text(NET)
    module = {"provider": "module", "module": "./net.py:Net", "weights": "random"}
    models = {"right": {**module, "arch": {"error": 0.0}}, "wrong": {**module, "arch": {"error": 0.1}}}
    study = write_study(trust=True, models=models, heatmaps=None, inference=ALL, ablation={"ratios": [0.2]})
    out = tmp_path / "out"
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stderr
    notes = [line for line in done.stdout.splitlines() if "inference is" in line]
    assert len(notes) == 1 and notes[0].startswith("wrong: inference is plain: channels_last, inference_mode would be")
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["inference"]["right"] == ["channels_last, inference_mode"]
    assert manifest["inference"]["wrong"][0].startswith("plain: ")
    table = (out / "tables/restoration.md").read_text()
    assert "Inference channels_last, inference_mode: right." in table
    assert "would be off by" in table and "bicubic" not in table.split("Inference")[1]
    plain = tmp_path / "plain"
    assert l2xbench("run", study, "--out", plain, "--set", "inference=[]").returncode == 0
    quick, slow = (pd.read_csv(folder / "tables/restoration.csv")["psnr"] for folder in (out, plain))
    assert np.allclose(quick, slow, atol=0.001)
    several = l2xbench("run", study, "--out", tmp_path / "several", "--workers", 2)
    assert several.returncode == 0, several.stderr
    assert json.loads((tmp_path / "several/manifest.json").read_text())["inference"] == manifest["inference"]
    assert l2xbench("run", study, "--out", out, "--set", "inference=fast").returncode == 2


def test_the_worker_checks_on_the_study_s_first_image(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    decided: list[str] = []
    original = passes._checked
    monkeypatch.setattr(
        passes, "_checked", lambda net, w, o, pair: (decided.append(pair.name), original(net, w, o, pair))[1]
    )
    out = tmp_path / "out"
    study = write_study(heatmaps=None, attribution=None, inference=ALL)
    run = InProcess.run
    # as if the first image had been done by an earlier run
    monkeypatch.setattr(
        InProcess, "run", lambda self, bundles, *more, **options: run(self, reversed(list(bundles)), *more, **options)
    )
    assert l2xbench("run", study, "--out", out).returncode == 0
    assert decided == ["photo0", "photo0"], "bicubic's and the network's"
