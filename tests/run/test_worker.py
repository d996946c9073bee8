"""What a worker makes of a unit does not hang on what it did before, and memory that others hold is no reason."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from l2xbench.data.pairs import LoadedPair
from l2xbench.run.jobs import Job, JobResult, Position, Settings
from l2xbench.run.worker import Worker, encoded
from l2xbench.store.units import Unit
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.load import Source

MAP = {"method": "gradient", "reference": "mean", "target": "image", "strict": False, "seed": 0}
SR = {"colour": "y", "border": 2}
NETWORK = """
import torch
class Net(torch.nn.Module):
    scale = 2
    most = {most}
    def forward(self, x):
        if x.shape[-1] * x.shape[-2] > self.most:
            torch.empty(2**48)  # what PyTorch's allocator raises
        x = x + 0.1 * torch.rand_like(x)
        return torch.nn.functional.interpolate(x, scale_factor=2)
"""


@pytest.fixture
def source(tmp_path: Path) -> Source:
    """A network of no weights that draws at random, and has no memory for more than 48 x 48 LR pixels."""
    (tmp_path / "net.py").write_text(NETWORK.format(most=48 * 48))
    card = {"name": "net", "provider": "module", "module": "./net.py:Net", "scale": 2, "folder": str(tmp_path)}
    return Source(ModelCard.model_validate(card), None)


def job(source: Source, study: str, image: str, side: int = 40) -> Job:
    lr = np.random.default_rng(len(image)).integers(0, 256, size=(side, side, 3), dtype=np.uint8)
    pair = LoadedPair(image, lr, lr.repeat(2, axis=0).repeat(2, axis=1), f"digest of {image}")
    unit = Unit(study, 1, "set", image, "net", options=MAP if study == "attribution" else SR)
    return Job(unit, unit.key("net", pair.digest), Position(0, 0, 0, 0), source, "net", pair, pair.digest, None)


def done(jobs: Sequence[Job]) -> dict[str, JobResult]:
    worker = Worker(Settings(2, "cpu", trust=True))
    found = {f"{each.unit.study} {each.unit.image}": encoded(worker.run(each)) for each in jobs}
    worker.close()
    return found


def test_what_a_network_draws_is_the_unit_s_own(source: Source) -> None:
    jobs = [job(source, study, image) for image in ("one", "other") for study in ("restoration", "attribution")]
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one, other = done(jobs), done([jobs[2], *reversed(jobs)])
    for name, result in one.items():
        assert result.outcome is not None, result.reason
        assert result.outcome.files == other[name].outcome.files
    assert one["restoration one"].outcome.values["psnr"] == other["restoration one"].outcome.values["psnr"]
    assert torch.equal(torch.get_rng_state(), before), "and the caller's generator is where it was"


KEEPING = """
import random
import numpy as np
import torch
class Net(torch.nn.Module):
    scale = 2
    def __init__(self):
        super().__init__()
        self.own = np.random.default_rng(0)
        self.calls = 0
        self.register_buffer("mean", torch.zeros(()))
    def forward(self, x):
        self.calls += 1
        self.mean += x.detach().mean()
        {line}
        return torch.nn.functional.interpolate(x, scale_factor=2)
"""
KEPT = {
    "a generator of its own": "x = x * self.own.random()",
    "NumPy's generator": "x = x * np.random.rand()",
    "Python's generator": "x = x * random.random()",
    "a count": "x = x / self.calls",
    "a buffer": "x = x - self.mean",
}


@pytest.mark.parametrize("name", KEPT)
def test_what_a_network_keeps_from_pass_to_pass_is_the_units_own(name: str, tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(KEEPING.format(line=KEPT[name]))
    card = {"name": "net", "provider": "module", "module": "./net.py:Net", "scale": 2, "folder": str(tmp_path)}
    source = Source(ModelCard.model_validate(card), None)
    jobs = [job(source, study, image) for image in ("one", "other") for study in ("restoration", "attribution")]
    before = random.getstate()
    one, other = done(jobs), done(jobs[::-1])
    assert random.getstate() == before
    for label, result in one.items():
        assert result.outcome is not None, result.reason
        assert result.outcome.files == other[label].outcome.files
    assert one["restoration one"].outcome.values["psnr"] == other["restoration one"].outcome.values["psnr"]


def test_memory_that_others_share_is_asked_for_again_alone(source: Source) -> None:
    large = job(source, "restoration", "large", side=96)
    crowded, alone = (done([replace(large, crowded=beside)])["restoration large"] for beside in (True, False))
    assert crowded.wants_room and crowded.outcome is None
    assert not alone.wants_room
    assert alone.outcome.values["tile"] == 48
