"""A network that draws random numbers as it runs gives the same numbers in every run, and is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from l2xbench.data.images import read_image, to_image, to_tensor
from tests.conftest import Command
from tests.stories.test_survival import TINY

WRITTEN = """
import torch, torch.nn as nn, torch.nn.functional as F
class Base(nn.Module):
    scale = 4
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 48, 3, padding=1)
    def forward(self, x):
        return F.pixel_shuffle(self.conv(self.drawn(x)), 4)
class Dropout(Base):
    def drawn(self, x):
        return F.dropout(x, 0.5, training=True)
class Noise(Base):
    def drawn(self, x):
        return x + 0.1 * torch.randn_like(x)
class Sampled(Base):
    def drawn(self, x):
        return x * torch.bernoulli(torch.full_like(x, 0.5))
class Fixed(Base):
    def drawn(self, x):
        return F.dropout(x, 0.5, training=self.training)
"""


@pytest.fixture
def study(tmp_path: Path, write_study: Callable[..., Path]) -> Path:
    (tmp_path / "nets.py").write_text(WRITTEN)
    module = {"provider": "module", "weights": "random"}
    names = ("Dropout", "Noise", "Sampled", "Fixed")
    models = {name.lower(): {**module, "module": f"./nets.py:{name}"} for name in names}
    attribution = {"methods": ["l2x"], "precision": "float32"}
    return write_study(trust=True, models={**models, "tiny": TINY}, heatmaps=None, attribution=attribution)


def test_the_same_in_every_run_and_told(study: Path, tmp_path: Path, l2xbench: Command) -> None:
    for out, workers in (("one", 1), ("two", 2)):
        done = l2xbench("run", study, "--out", tmp_path / out, "--workers", workers)
        assert done.returncode == 0, done.stdout
    tables = [pd.read_csv(tmp_path / out / "tables/restoration.csv").drop(columns="seconds") for out in ("one", "two")]
    pd.testing.assert_frame_equal(*tables)
    for name in ("dropout", "noise", "sampled", "fixed"):
        first, second = (
            np.load(tmp_path / out / f"attributions/photographs/{name}/photo0.npz")["values"] for out in ("one", "two")
        )
        assert np.array_equal(first, second)
    told = (tmp_path / "one/tables/restoration.md").read_text()
    assert "dropout, noise, sampled: random as they run" in told


def test_a_map_is_of_the_draw_that_the_sr_image_is_of(study: Path, tmp_path: Path, l2xbench: Command) -> None:
    """With `black` as the reference, delta is the sum of |SR - SR of black|, which the same draw alone gives."""
    import zlib

    import torch

    import l2xbench as package
    from l2xbench.run.plan import make_plan
    from l2xbench.studies.reading import read_study

    done = l2xbench("run", study, "--out", tmp_path / "out", "--workers", 1, "--set", "attribution.reference=black")
    assert done.returncode == 0, done.stdout
    plan = make_plan(read_study(str(study)), tmp_path / "out")
    source = next(model.source for model in plan.networks if model.name == "noise")
    network = package.load_model(source.card, weights="random", trust=True)
    pair = plan.datasets[0].pairs[0].load(4)
    lr = to_tensor(pair.lr)

    def drawn(image: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(zlib.crc32(f"{source.identity(trust=True)} {pair.digest}".encode()))
        with torch.no_grad():
            return network(image)

    sr = drawn(lr)
    assert np.array_equal(to_image(sr), read_image(tmp_path / "out/sr/photographs/noise/photo0.png"))
    delta = float(np.load(tmp_path / "out/attributions/photographs/noise/photo0.npz")["delta"])
    expected = float((sr - drawn(torch.zeros_like(lr))).abs().sum())
    assert delta == pytest.approx(expected, rel=1e-4)
