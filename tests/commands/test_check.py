"""`l2xbench check`: 0 exact and usable, 1 not exact, 2 not usable in one line; `run` and `explain` say the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from tests.conftest import Command

NETS = """
import sys
import torch
import torch.nn as nn
import torch.nn.functional as F

class Base(nn.Module):
    scale = 4
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 4, 3, padding=1)
        self.b = nn.Conv2d(4, 48, 3, padding=1)
    def middle(self, f):
        return F.relu(f)
    def forward(self, x):
        return F.pixel_shuffle(self.b(self.middle(self.a(x))), 4)

class LSTM(Base):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(4, 4, batch_first=True)
    def middle(self, f):
        n, c, h, w = f.shape
        rows = f.permute(0, 2, 3, 1).reshape(n * h, w, c)
        return self.rnn(rows)[0].reshape(n, h, w, c).permute(0, 3, 1, 2)

class GRU(LSTM):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(4, 2, bidirectional=True, batch_first=True)

class Scripted(Base):
    def __init__(self):
        super().__init__()
        self.act = torch.jit.script(nn.Sequential(nn.Conv2d(4, 4, 1), nn.GELU()))
    def middle(self, f):
        return self.act(f)

class Inference(Base):
    @torch.inference_mode()
    def forward(self, x):
        return super().forward(x)

class NoGrad(Base):
    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)

class Tuple(Base):
    def forward(self, x):
        return super().forward(x), x

class Dict(Base):
    def forward(self, x):
        return {"sr": super().forward(x), "lr": x}

class Raises(Base):
    def forward(self, x):
        raise ValueError("this network is for images of 48 x 48 alone\\nand no others")

class Asserts(Base):
    def forward(self, x):
        assert x.shape[-1] == 7
        return super().forward(x)

class Leaves(Base):
    def forward(self, x):
        sys.exit("no GPU")

class Square(Base):
    def forward(self, x):
        if x.shape[-1] != x.shape[-2]:
            raise RuntimeError("square images only")
        return super().forward(x)

class OneImage(Base):
    def forward(self, x):
        return super().forward(x).reshape(1, 3, x.shape[-2] * 4, x.shape[-1] * 4)

class Nan(Base):
    def forward(self, x):
        return super().forward(x) / 0 - torch.inf

class Wrong(Base):
    def forward(self, x):
        return super().forward(x)[..., ::2, ::2]

class Grey(Base):
    def forward(self, x):
        return super().forward(x).mean(1, keepdim=True)

class Eigen(Base):
    def middle(self, f):
        rows = f.flatten(2)
        _, vectors = torch.linalg.eigh(rows @ rows.transpose(1, 2) / rows.shape[-1])
        return (vectors.transpose(1, 2) @ rows).reshape(f.shape)

class Router(Base):
    def middle(self, f):
        return f * (1 + int(f.abs().max() * 100) % 3)

class Scaled(Base):
    def middle(self, f):
        return f / float(f.abs().max())

class Numpy(Base):
    def middle(self, f):
        return torch.from_numpy(f.detach().numpy() * 2)

class Device(Base):
    def __init__(self):
        super().__init__()
        raise RuntimeError("No CUDA GPUs are available")
"""
EXACT = ["Base", "LSTM", "GRU", "Scripted", "Inference", "NoGrad"]
UNUSABLE = {
    "Tuple": "returns a tuple of 2",
    "Dict": "returns a dict of 2",
    "Raises": "ValueError: this network is for images of 48 x 48 alone and no others",
    "Asserts": "AssertionError",
    "Leaves": "SystemExit: no GPU",
    "Square": "RuntimeError: square images only",
    "OneImage": "several images at a time",
    "Nan": "NaN or inf",
    "Wrong": "its scale is likely 2",
    "Grey": "say `channels: y`",
    "Device": "No CUDA GPUs are available",
}


@pytest.fixture
def nets(tmp_path: Path) -> Path:
    (tmp_path / "nets.py").write_text(NETS)
    return tmp_path / "nets.py"


@pytest.mark.parametrize("name", EXACT)
def test_exact_networks(l2xbench: Command, nets: Path, name: str) -> None:
    done = l2xbench("check", f"{nets}:{name}", "--trust", "--size", 16, "--outputs", 2)
    assert done.returncode == 0, done.stderr
    assert "explained exactly" in done.stdout


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_no_study_can_use_is_told_in_one_line(l2xbench: Command, nets: Path, name: str) -> None:
    done = l2xbench("check", f"{nets}:{name}", "--trust", "--size", 16)
    assert done.returncode == 2, done
    assert len(done.stderr.strip().splitlines()) == 1
    assert UNUSABLE[name] in done.stderr
    assert "internal error" not in done.stderr


def test_a_network_that_is_not_explained_exactly(l2xbench: Command, nets: Path) -> None:
    done = l2xbench("check", f"{nets}:Eigen", "--trust", "--size", 16, "--outputs", 0)
    assert (done.returncode, done.stderr) == (1, ""), done
    assert "not exact" in done.stdout


@pytest.mark.parametrize("name", ["Router", "Scaled"])
def test_python_numbers_are_told(l2xbench: Command, nets: Path, tmp_path: Path, name: str) -> None:
    """What the reference's own number would change is never hidden: in check, in explain, and in a study's tables."""
    done = l2xbench("check", f"{nets}:{name}", "--trust", "--size", 16, "--outputs", 0)
    assert done.returncode == 0
    assert "routes by a Python number" in done.stdout and "% of the difference" in done.stdout
    lr = tmp_path / "lr.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)).save(lr)
    done = l2xbench("explain", lr, "--models", f"{nets}:{name}", "--trust", "--out", tmp_path / "maps")
    assert "goes by Python numbers" in done.stdout


def test_a_study_tells_python_numbers_below_its_table_of_costs(
    l2xbench: Command, nets: Path, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    model = {"provider": "module", "module": f"{nets}:Scaled", "scale": 4, "weights": "random"}
    photographs = {"path": str(tmp_path / "photographs"), "images": 2, "crop": 8}
    study = write_study(models={"scaled": model}, trust=True, heatmaps=None, datasets={"photographs": photographs})
    assert l2xbench("run", study, "--out", tmp_path / "out").returncode == 0
    told = (tmp_path / "out/tables/cost.md").read_text()
    assert "scaled on photographs, l2x: goes by Python numbers" in told


def test_the_exit_codes_are_documented() -> None:
    told = (Path(__file__).parents[2] / "docs/reference/exit-codes.md").read_text()
    for line in ("| 0 | explained exactly", "| 1 | a study can use it, but it is not", "| 2 | a study cannot use it"):
        assert line in told


def test_what_cannot_be_explained_is_told_in_one_line(l2xbench: Command, nets: Path) -> None:
    done = l2xbench("check", f"{nets}:Numpy", "--trust", "--size", 16)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (2, 1), done


def test_run_fails_where_check_does_and_in_the_same_words(
    l2xbench: Command, nets: Path, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    names = {name: words for name, words in UNUSABLE.items() if name not in ("Square", "Device", "OneImage")}
    models = {
        name: {"provider": "module", "module": f"{nets}:{name}", "scale": 4, "weights": "random"}
        for name in [*names, "Base", "LSTM"]
    }
    photographs = {"path": str(tmp_path / "photographs"), "images": 1, "crop": 8}
    study = write_study(
        models=models, trust=True, attribution=None, heatmaps=None, datasets={"photographs": photographs}
    )
    done = l2xbench("run", study, "--out", tmp_path / "out")
    assert done.returncode == 1, done
    failed = pd.read_csv(tmp_path / "out/tables/failures.csv")
    reasons = dict(zip(failed["model"], failed["reason"], strict=True))
    assert reasons.keys() == names.keys()
    for name, words in names.items():
        assert words in reasons[name]
    restored = pd.read_csv(tmp_path / "out/tables/restoration.csv")["model"]
    assert set(restored) == {"bicubic", "Base", "LSTM"}


def test_the_output_is_chosen_by_a_flag_and_in_a_study(
    l2xbench: Command, nets: Path, tmp_path: Path, write_study: Callable[..., Path]
) -> None:
    for name, output in [("Tuple", "0"), ("Dict", "sr")]:
        done = l2xbench("check", f"{nets}:{name}", "--trust", "--size", 16, "--output", output, "--outputs", 0)
        assert (done.returncode, done.stderr) == (0, "")
    lr = tmp_path / "lr.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)).save(lr)
    explained = ["explain", lr, "--trust", "--out", tmp_path / "maps"]
    done = l2xbench(*explained, "--models", f"{nets}:Tuple", "--output", 0)
    assert done.returncode == 0, done
    assert (tmp_path / "maps/Tuple.npz").is_file()
    done = l2xbench(*explained, "--models", f"{nets}:Tuple,{nets}:Base")
    assert (done.returncode, "returns a tuple of 2" in done.stdout) == (1, True)
    assert (tmp_path / "maps/Base.npz").is_file()
    (tmp_path / "dict.yaml").write_text(f"{{provider: module, module: '{nets}:Dict', weights: null}}")
    models = {
        "inline": {"provider": "module", "module": f"{nets}:Tuple", "output": 0},
        "card": {"card": str(tmp_path / "dict.yaml"), "output": "sr"},
    }
    study = write_study(models=models, trust=True, attribution=None, heatmaps=None)
    done = l2xbench("run", study, "--out", tmp_path / "out")
    assert done.returncode == 0, done
    psnr = pd.read_csv(tmp_path / "out/tables/restoration.csv").set_index("model")["psnr"]
    assert psnr["inline"] == psnr["card"]


def test_its_help_says_the_exit_codes(l2xbench: Command) -> None:
    told = " ".join(l2xbench("check", "--help").stdout.replace("│", " ").split())
    for words in ("0: explained exactly", "1: not exact", "2: a study cannot use it"):
        assert words in told


def test_places_are_those_of_the_users_class(
    l2xbench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch, torch.nn as nn\n"
        "class Mine(nn.Module):\n"
        "    scale = 1\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a = nn.Conv2d(3, 3, 3, padding=1)\n"
        "    def forward(self, x):\n"
        "        return torch.exp(self.a(x))\n"
    )
    monkeypatch.chdir(tmp_path)
    done = l2xbench("check", "./mine.py:Mine", "--trust", "--size", 15, "--card", "multiple=8", "--outputs", 3)
    table = done.stdout.partition("completeness error")[0]
    places = {line.split()[0]: line.split()[-1] for line in table.splitlines() if line.strip()}
    assert "core" not in table and "Network" not in table and "around Mine" in table
    assert places["exp"] == "Mine" and places["convolution"] == "a"
    assert "share of error" not in table, "where no operation has one"
    assert "worst of 3 outputs: the largest error among 3 single values" in done.stdout
