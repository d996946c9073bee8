"""What commands say of the networks that they name: outputs, weights, further arguments, channels; and `--verify`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import Command

NETS = """
import torch
import torch.nn as nn
import torch.nn.functional as F

class Base(nn.Module):
    scale = 2
    takes = 3
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(self.takes, 12 if self.takes != 1 else 4, 3, padding=1)
    def forward(self, x):
        return F.pixel_shuffle(self.a(x).relu(), 2)

class Sigma(Base):
    def forward(self, x, sigma, blend):
        return super().forward(x) * blend + sigma

class Grey(Base):
    takes = 1

class Alpha(Base):
    takes = 4

class Quality(Base):
    def forward(self, x):
        y = super().forward(x)
        return y, y.mean((1, 2, 3))

class Tiles(Base):
    def forward(self, x):
        assert x.shape[-1] % 8 == 0 and x.shape[-2] % 8 == 0, "multiples of 8"
        return super().forward(x)

class Otherwise(Base):
    "Not itself on tensors of another class."
    def forward(self, x):
        return super().forward(x) * (1 if type(x) is torch.Tensor else 2)
"""
FLAGS = {
    "Sigma": ["--inputs", "sigma=0.1", "--inputs", "blend=2"],
    "Grey": ["--channels", "y"],
    "Alpha": ["--extra-channels", "0.5"],
    "Tiles": ["--card", "multiple=8"],
    "Quality": [],
}
WITHOUT = {
    "Sigma": "--inputs sigma=1.0",
    "Grey": "--channels y",
    "Alpha": "--extra-channels 0",
    "Tiles": "multiple",
}


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path / "nets.py"


@pytest.fixture
def lr(tmp_path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (14, 19, 3), np.uint8)).save(tmp_path / "lr.png")
    return tmp_path / "lr.png"


@pytest.mark.parametrize("name", FLAGS)
def test_flags_say_what_a_network_takes(l2xbench: Command, nets: Path, lr: Path, tmp_path: Path, name: str) -> None:
    network = f"{nets}:{name}"
    checked = l2xbench("check", network, "--trust", "--size", 12, "--outputs", 1, *FLAGS[name])
    assert (checked.returncode, checked.stderr) == (0, ""), checked
    explained = l2xbench("explain", lr, "--models", network, "--trust", "--out", tmp_path / "maps", *FLAGS[name])
    assert explained.returncode == 0, explained
    field = l2xbench(
        *("erf", tmp_path / "photographs", "--models", network, "--trust", "--images", 1, "--size", 8, "--scale", 2),
        *("--out", tmp_path / "erf", *FLAGS[name]),
    )
    assert field.returncode in (0, 2), field
    if name == "Quality":
        assert "output 0 of several is explained, the only image among them" in checked.stdout


@pytest.mark.parametrize("name", WITHOUT)
def test_without_them_one_line_names_the_flag(l2xbench: Command, nets: Path, name: str) -> None:
    done = l2xbench("check", f"{nets}:{name}", "--trust", "--size", 12)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done
    assert WITHOUT[name] in done.stderr


def test_flags_in_a_study_made_of_a_command(l2xbench: Command, nets: Path, photographs: Path, tmp_path: Path) -> None:
    done = l2xbench(
        *("erf", photographs, "--models", f"{nets}:Sigma", "--trust", "--images", 1, "--size", 8, "--scale", 2),
        *("--out", tmp_path / "erf", *FLAGS["Sigma"]),
    )
    assert done.returncode == 0, done
    assert set(pd.read_csv(tmp_path / "erf/tables/erf.csv")["model"]) == {"Sigma"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--inputs", "sigma"], "needed KEY=VALUE"),
        (["--inputs", "sigm=1"], "inputs.sigm: the network takes no such argument"),
        (["--extra-channels", "a,b"], "extra_channels[0]: found 'a'"),
        (["--extra-channels", "[["], "not a YAML value"),
        (["--channels", "yuv"], "allowed: rgb, y"),
        (["--card", "multipel=8"], "multipel: unknown key; did you mean 'multiple'"),
        (["--card", "multiple=0"], "multiple"),
    ],
)
def test_what_is_wrong_with_a_flag(l2xbench: Command, nets: Path, flags: list[str], said: str) -> None:
    done = l2xbench("check", f"{nets}:Base", "--trust", "--size", 12, *flags)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done
    assert said in done.stderr


def test_a_study_of_the_explorers_says_itself_what_its_networks_are(l2xbench: Command, nets: Path) -> None:
    done = l2xbench("explore", "--study", "demo", "--channels", "y", "--no-browser")
    assert done.returncode == 2 and "say channels there" in done.stderr


def test_verify_compares_with_plain_passes(l2xbench: Command, nets: Path, lr: Path, tmp_path: Path) -> None:
    explained = ["explain", lr, "--trust", "--out", tmp_path / "maps"]
    done = l2xbench(*explained, "--models", f"{nets}:Base", "--verify")
    assert done.returncode == 0 and "verified" in done.stdout, done
    assert l2xbench(*explained, "--models", f"{nets}:Otherwise").returncode == 0
    done = l2xbench(*explained, "--models", f"{nets}:Otherwise", "--verify")
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done
    assert "Otherwise" in done.stderr and "the engine does not follow" in done.stderr
    done = l2xbench(*explained, "--models", f"{nets}:Base", "--verify", "--method", "gradient")
    assert done.returncode == 2 and "--verify" in done.stderr
