"""Scale 1: networks that restore an image of its own size, from folders of pairs or a degradation in the study."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from l2xbench.data import metrics
from l2xbench.data.degradations import Harm, harmed
from l2xbench.data.images import read_image
from tests.conftest import Command

NAFNET: dict[str, Any] = {
    "provider": "spandrel",
    "arch": {"type": "NAFNet", "width": 4, "enc_blk_nums": [1], "dec_blk_nums": [1]},
    "weights": "random",
}
BLOCKS = {"scale": 1, "models": {"nafnet": NAFNET}}

WRITTEN = """
import torch
class Net(torch.nn.Module):
    scale = 1
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 3, 3, padding=1)
    def forward(self, x):
        return x + torch.relu(self.conv(x))
"""


@pytest.mark.slow
def test_a_whole_study(tmp_path: Path, photographs: Path, write_study: Callable[..., Path], l2xbench: Command) -> None:
    study = write_study(
        scale=1,
        models={"nafnet": NAFNET, "second": {**NAFNET, "arch": {**NAFNET["arch"], "width": 6}}},
        degrade={"noise": 25},
        datasets={"photographs": {"path": str(photographs), "crop": 32}},
        heatmaps={},
        ablation={"ratios": [0.2], "random_orders": 1},
        similarity={"size": 16, "crops": 3, "permutations": 9, "bootstrap": 9},
    )
    out = tmp_path / "out"
    done = l2xbench("run", study, "--out", out, "--workers", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "input made by noise 25" in done.stdout
    restored = pd.read_csv(out / "tables/restoration.csv").set_index("model")
    assert list(restored.index) == ["input", "nafnet", "second"]
    assert len(list((out / "figures").glob("heatmap-*.png"))) == 3
    for name in ("input", "nafnet"):
        measured = [
            metrics.psnr(
                read_image(out / f"sr/photographs/{name}/photo{i}.png"),
                read_image(out / f"inputs/photographs/photo{i}.hr.png"),
                0,
                "rgb",
            )
            for i in range(3)
        ]
        assert restored["psnr"][name] == pytest.approx(np.mean(measured), abs=1e-5)
    # noise of 25, less what the ends of the range cut off
    assert restored["psnr"]["input"] == pytest.approx(20 * np.log10(255 / 25), abs=0.7)
    assert l2xbench("report", out).returncode == 0
    assert l2xbench("cka", study, "--out", out, "--workers", 1).returncode == 0
    again = l2xbench("run", study, "--out", tmp_path / "again", "--workers", 1)
    assert again.returncode == 0
    second = pd.read_csv(tmp_path / "again/tables/restoration.csv").set_index("model")
    assert restored["psnr"].tolist() == second["psnr"].tolist()


@pytest.mark.parametrize("sides", ["HR LR", "gt lq", "target input", "sharp blur", "clean noisy"])
def test_pairs_of_images(
    sides: str, tmp_path: Path, photographs: Path, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    hr, lr = (tmp_path / "set" / side for side in sides.split())
    lr.mkdir(parents=True)
    photographs.rename(hr)
    for path in hr.iterdir():
        Image.fromarray(harmed(read_image(path), Harm(blur=1.0), path.stem)).save(lr / path.name)
    study = write_study(**BLOCKS, datasets={"set": str(tmp_path / "set")}, attribution=None)
    done = l2xbench("run", study, "--out", tmp_path / "out", "--workers", 1)
    assert done.returncode == 0, done.stdout + done.stderr
    restored = pd.read_csv(tmp_path / "out/tables/restoration.csv").set_index("model")
    pairs = [(read_image(lr / path.name), read_image(path)) for path in hr.iterdir()]
    expected = np.mean([metrics.psnr(*pair, 0, "rgb") for pair in pairs])
    assert restored["psnr"]["input"] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ({}, "datasets.photographs: at scale 1 HR images alone need `degrade`"),
        ({"degrade": {}}, "degrade: blur, noise or jpeg is needed"),
        ({"degrade": {"nois": 3}}, "degrade.nois: unknown key; did you mean 'noise'?"),
        ({"degrade": {"noise": -3}}, "degrade.noise"),
        ({"degrade": {"jpeg": 101}}, "degrade.jpeg"),
        ({"degrade": {"noise": 5}, "datasets": {"s": {"path": "./photographs", "kind": "lr"}}}, "leave it out"),
        ({"degrade": {"noise": 5}, "models": {"input": NAFNET}}, "'input' is in every study already"),
        (
            {"degrade": {"noise": 5}, "models": {"edsr": "edsr-compact"}},
            "the card is for scale 4, the study's scale is 1",
        ),
        ({"scale": 0}, "scale"),
        ({"scale": 9}, "scale"),
    ],
)
def test_what_is_wrong_is_told(
    blocks: dict[str, object], said: str, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    done = l2xbench("run", write_study(**{**BLOCKS, **blocks}), "--dry-run")
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_degradations_of_an_enlarging_study_come_after_bicubic(
    tmp_path: Path, write_study: Callable[..., Path], l2xbench: Command
) -> None:
    study = write_study(degrade={"jpeg": 30}, attribution=None)
    done = l2xbench("run", study, "--out", tmp_path / "out", "--workers", 1)
    assert done.returncode == 0
    assert "LR made by bicubic and JPEG of quality 30" in done.stdout


def test_explain_and_check(tmp_path: Path, photographs: Path, l2xbench: Command) -> None:
    net = tmp_path / "net.py"
    net.write_text(WRITTEN)
    image = photographs / "photo0.png"
    own = f"{net}:Net"
    explained = l2xbench("explain", image, "--models", own, "--trust", "--out", tmp_path / "out", "--hr", image)
    assert explained.returncode == 0, explained.stderr
    checked = l2xbench("check", own, "--trust")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert re.search(r"\b(LR|SR|HR)\b", explained.stdout + checked.stdout) is None


def test_the_noise_is_the_images_own() -> None:
    grey = np.full((99, 99, 3), 128, np.uint8)
    one, same, other, reseeded = (
        harmed(grey, Harm(noise=10, seed=seed), name) for name, seed in (("a", 0), ("a", 0), ("b", 0), ("a", 1))
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other) and not np.array_equal(one, reseeded)
    assert one.std() == pytest.approx(10, rel=0.03)
    edge = np.zeros((40, 40, 3), np.uint8)
    edge[:, 20:] = 200
    blurred = harmed(edge, Harm(blur=2), "a")
    # half a pixel from the edge: 200 times the normal distribution at -1/4 and 1/4
    assert (blurred[20, 19, 0], blurred[20, 20, 0]) == (80, 120)
    # an edge keeps its mean, and JPEG at a low quality changes an image but little
    assert blurred.mean() == pytest.approx(edge.mean(), abs=0.5)
    assert 0 < np.abs(harmed(blurred, Harm(jpeg=30), "a").astype(int) - blurred).mean() < 5
