"""`l2xbench inside`: the tree with its shares, their order, several images, and what is wrong in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from l2xbench.commands.tree import TreeLine, percent, show_tree
from tests.conftest import Command

NETS = """
import torch
from torch import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1))
    def forward(self, x):
        return x + self.body(x)

class Denoise(nn.Module):
    scale = 1
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Conv2d(3, 4, 3, padding=1)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.tail = nn.Conv2d(4, 3, 3, padding=1)
    def forward(self, x):
        y = self.head(x)
        for block in self.blocks:
            y = block(y)
        return x + self.tail(y)

class Fails(Denoise):
    def forward(self, x):
        if float(x.mean()) > 0.9:
            raise ValueError("too bright")
        return super().forward(x)
"""


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    path = tmp_path / "nets.py"
    path.write_text(NETS)
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 3), dtype=np.uint8)
    path = tmp_path / "small.png"
    Image.fromarray(pixels).save(path)
    return path


def test_the_tree_at_scale_1(l2xbench: Command, nets: Path, image: Path, tmp_path: Path) -> None:
    table = tmp_path / "numbers.csv"
    done = l2xbench(
        "inside", f"{nets}:Denoise", image, "--trust", "--depth", 3, "--crop", "2,3,12", "--csv", table, "--seed", 1
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert "scale 1" in lines[0] and "input 12 x 12 of small.png" in lines[0]
    assert any("sum: skip " in line and ", tail " in line for line in lines)
    assert any(line.lstrip("│ ").startswith("├─ body") or "└─ body" in line for line in lines)
    numbers = pd.read_csv(table, keep_default_na=False)
    whole = numbers[(numbers["module"] == ".") & (numbers["branch"] == "")]
    assert float(whole["share"].iloc[0]) == pytest.approx(1, abs=1e-5)
    for name, group in numbers.groupby("module"):
        met = group[group["branch"] != ""]
        if len(met):
            own = float(group[group["branch"] == ""]["share"].iloc[0])
            assert float(met["share"].sum()) == pytest.approx(own, abs=1e-5), name


def test_depth_and_sort(l2xbench: Command, nets: Path, image: Path) -> None:
    flat = l2xbench("inside", f"{nets}:Denoise", image, "--trust", "--depth", 0, "--crop", "whole")
    assert len(flat.stdout.splitlines()) == 4  # what it is of, the heading, the network and its sum
    done = l2xbench("inside", f"{nets}:Denoise", image, "--trust", "--depth", 1, "--sort", "parameters")
    order = [line.split()[1] for line in done.stdout.splitlines() if line.startswith(("├─", "└─"))]
    assert order == ["blocks", "head", "tail"]


def test_several_images_and_one_that_fails(l2xbench: Command, nets: Path, image: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.png"
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (20, 24, 3), dtype=np.uint8)).save(other)
    bright = tmp_path / "bright.png"
    Image.fromarray(np.full((20, 24, 3), 254, dtype=np.uint8)).save(bright)
    done = l2xbench("inside", f"{nets}:Fails", image, other, bright, "--trust", "--layers", "blocks")
    assert done.returncode == 1
    assert "of 2 images" in done.stdout and "range" in done.stdout and " to " in done.stdout
    assert "blocks.0" in done.stdout and "blocks.1" in done.stdout and "head" not in done.stdout
    assert "too bright" in done.stdout and "bright.png" in done.stdout
    assert l2xbench("inside", f"{nets}:Fails", bright, "--trust").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("edsr-compat",), "edsr-compact"),
        (("edsr-compact", "nothing.png"), "nothing.png: no such file"),
        (("edsr-compact", "--sort", "shares"), "--sort shares: did you mean 'share'"),
        (("edsr-compact", "--crop", "1,2"), "--crop 1,2: LEFT,TOP,SIDE"),
        (("edsr-compact", "--crop", "2000,0,48"), "is not within"),
        (("edsr-compact", "--target", "patch"), "--target"),
        (("edsr-compact", "--layers", "bdoy.*"), "--layers bdoy.*: the submodule"),
        (("edsr-compact", "--target", "neuron:9,0,0", "--crop", "8"), "is outside the output"),
    ],
)
def test_wrong_requests_are_one_line(l2xbench: Command, arguments: tuple[str, ...], said: str) -> None:
    done = l2xbench("inside", *arguments)
    assert done.returncode == 2
    assert said in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_narrow_terminals_keep_names_and_shares(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        TreeLine((), "Net", "Net", 10, [1.0], [1.2]),
        TreeLine((), "", "sum", branches=[("skip", [0.9]), ("body", [0.1])]),
        TreeLine((False,), "body", "Sequential", 1_000_000, [-0.25], [0.3]),
        TreeLine((True,), "[bold]", "Conv2d", 5, [1.5], [2.0]),
    ]
    show_tree(Console(width=46), lines)
    shown = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 46 for line in shown)
    assert shown[1].startswith("Net") and "100 %" in shown[1]
    assert shown[2] == "│  sum: skip 90.0 %, body 10.0 %"
    assert "-25.0 %" in shown[3] and "[bold]" in shown[4] and shown[4].endswith("▸")
    assert percent(float("nan")) == "-"


def test_the_published_crop_of_carn_m(l2xbench: Command, shared: Path, tmp_path: Path) -> None:
    """Shares found by hand before there was a command for them."""
    image = shared / "data/Urban100/image_SRF_4/img_005_SRF_4_LR.png"
    weights = shared / "checkpoints/carn_m_multiscale.pth"
    table = tmp_path / "carn.csv"
    done = l2xbench("inside", "carn-m", image, "--weights", weights, "--crop", "60,60,48", "--depth", 1, "--csv", table)
    assert done.returncode == 0, done.stderr
    assert "concatenation: entry 96.2 %, b1 3.8 %" in done.stdout
    rows = pd.read_csv(table, keep_default_na=False)
    own = rows[rows["branch"] == ""].set_index("module")["share"]
    expected = {"entry": 1, "c3": 1, "upsample": 1, "exit": 1, "b1": 0.0379, "b2": 0.0122, "b3": 0.0561}
    assert {name: float(own[name]) for name in expected} == pytest.approx(expected, abs=1e-3)
