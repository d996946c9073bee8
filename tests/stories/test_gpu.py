"""A GPU gives the CPU's numbers, in full float32, and its memory back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from l2xbench.data.photographs import photographs as bundled
from l2xbench.run.jobs import Job, Position, Settings
from l2xbench.run.worker import Worker
from l2xbench.store.units import Unit
from l2xbench.zoo.load import locate
from tests.conftest import Command

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

MAP = {"method": "l2x", "reference": "blur", "target": "image", "strict": False, "seed": 0}
SR = {"colour": "y", "border": 4}


def jobs(crop: int) -> list[Job]:
    _, pairs = bundled()
    loaded = pairs[0].load(4, crop)
    source = locate("edsr-compact")
    found = []
    for study, label, options in (("restoration", "", SR), ("attribution", "l2x", MAP)):
        unit = Unit(study, 1, "photographs", pairs[0].name, "edsr", label, options)
        found.append(Job(unit, study, Position(0, 0, 0, 0), source, source.identity(), pairs[0], loaded.digest, crop))
    return found


def outcomes(device: str, crop: int = 96) -> list:
    worker = Worker(Settings(4, device, False))
    done = [worker.run(job) for job in jobs(crop)]
    worker.close()
    assert [each.reason for each in done] == ["", ""]
    return [each.outcome.finished() for each in done]


def test_the_numbers_are_the_cpus() -> None:
    (sr, maps), (sr_here, maps_here) = outcomes("cpu"), outcomes("cuda")
    assert sr_here.values["psnr"] == pytest.approx(sr.values["psnr"], abs=0.01)
    one, other = (each.arrays["attribution"]["values"] for each in (maps, maps_here))
    assert np.linalg.norm(one - other) < 1e-3 * np.linalg.norm(one)
    assert maps_here.values["completeness_error"] < 1e-4


def test_no_tf32_and_no_memory_kept() -> None:
    before = torch.cuda.memory_allocated()
    outcomes("cuda")
    assert not torch.backends.cuda.matmul.allow_tf32
    assert not torch.backends.cudnn.allow_tf32
    assert torch.cuda.memory_allocated() <= before + 2**20
    assert torch.cuda.memory_reserved() <= before + 2**25


def test_too_little_memory_means_tiles() -> None:
    outcomes("cuda", 32)  # what CUDA itself takes
    total = torch.cuda.get_device_properties(0).total_memory
    whole = outcomes("cuda", 96)
    torch.cuda.set_per_process_memory_fraction(min(1.0, (torch.cuda.memory_allocated() + 60 * 2**20) / total))
    try:
        _, tiled = outcomes("cuda", 96)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert tiled.values.get("tile"), "60 MiB hold no map of 96 x 96 pixels"
    values = [each.arrays["attribution"]["values"] for each in (whole[1], tiled)]
    assert np.corrcoef(*(each.ravel() for each in values))[0, 1] > 0.99


def test_a_study(tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]) -> None:
    tables = []
    for device in ("cpu", "cuda"):
        study = write_study(models={"edsr": "edsr-compact"}, heatmaps=None, device=device)
        done = l2xbench("run", study, "--out", tmp_path / device)
        assert done.returncode == 0, done.stderr
        tables.append(pd.read_csv(tmp_path / device / "tables/restoration.csv")["psnr"])
    assert np.allclose(*tables, atol=0.01)
