"""`l2xbench explain` where memory is short."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.conftest import Command

HUNGRY = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(0.5))

    def forward(self, x):
        if x.shape[-1] > 50:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 10 GB")
        return torch.nn.functional.interpolate(x * self.factor, scale_factor=2, mode="nearest").relu()
"""


def test_an_image_too_large_for_memory_is_explained_in_tiles_and_that_is_told(
    l2xbench: Command, tmp_path: Path
) -> None:
    (tmp_path / "hungry.py").write_text(HUNGRY)
    (tmp_path / "hungry.yaml").write_text("{provider: module, module: './hungry.py:Net', scale: 2}")
    lr = tmp_path / "lr.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 80, 3), np.uint8)).save(lr)
    done = l2xbench("explain", lr, "--models", tmp_path / "hungry.yaml", "--trust", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "hungry: out of memory, so explained in overlapping tiles of 40 x 40 LR pixels" in done.stdout
    kept = np.load(tmp_path / "out/hungry.npz")
    assert kept["values"].shape == (3, 30, 80)
    assert np.isclose(kept["values"].sum(), kept["delta"], rtol=1e-4)
    assert (tmp_path / "out/heatmap-lr.png").is_file()


def test_a_network_that_cannot_be_built_fails_alone(l2xbench: Command, tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        HUNGRY + "\nclass Picky(torch.nn.Module):\n    def __init__(self):\n        raise ValueError('not today')\n"
    )
    lr = tmp_path / "lr.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 20, 3), np.uint8)).save(lr)
    picky, good = (f"{tmp_path}/nets.py:{name}" for name in ("Picky", "Net"))
    done = l2xbench("explain", lr, "--models", f"{picky},{good}", "--trust", "--out", tmp_path / "out")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed" in done.stdout and "not today" in done.stdout
    assert (tmp_path / "out/heatmap-lr.png").is_file()
    alone = l2xbench("explain", lr, "--models", picky, "--trust", "--out", tmp_path / "alone")
    assert alone.returncode == 2 and "not today" in alone.stderr
