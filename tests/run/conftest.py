"""A study that ends processes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.stories.test_survival import TINY

MORTAL = """
import os, signal, torch
from pathlib import Path
class Net(torch.nn.Module):
    scale = 4
    def __init__(self, lives):
        super().__init__()
        self.lives = lives
        self.conv = torch.nn.Conv2d(3, 48, 3, padding=1)
    def forward(self, x):
        deaths = Path(__file__).with_name("deaths")
        died = deaths.stat().st_size if deaths.exists() else 0
        if x.shape[-1] == 13 and died < self.lives:
            deaths.write_text("x" * (died + 1))
            os.kill(os.getpid(), signal.SIGKILL)
        full = Path(__file__).with_name("full")
        if x.shape[-1] == 12 and not full.exists():
            full.touch()
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return torch.nn.functional.pixel_shuffle(self.conv(x), 4)
"""


@pytest.fixture
def study(tmp_path: Path, write_study: Callable[..., Path]) -> Callable[[int], Path]:
    """A study whose second network ends so many processes that run it on the third image, and finds no memory once."""
    (tmp_path / "net.py").write_text(MORTAL)

    def write(deaths: int) -> Path:
        mortal = {"provider": "module", "module": "./net.py:Net", "arch": {"lives": deaths}, "weights": "random"}
        return write_study(
            trust=True,
            models={"first": TINY, "mortal": mortal, "last": TINY},
            ablation={"ratios": [0.2], "random_orders": 1},
            heatmaps=None,
        )

    return write
