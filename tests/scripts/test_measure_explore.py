"""The measurement of the explorer: a table with a time for each network and method."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_row_for_each_method(browser: object, tmp_path: Path) -> None:
    pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)
    Image.fromarray(image).save(tmp_path / "lr.png")
    command = [sys.executable, ROOT / "scripts/measure_explore.py", "--methods", "l2x,gradient", "--clicks", "1"]
    asked = ["--", tmp_path / "lr.png", "--models", "edsr-compact"]
    done = subprocess.run([*map(str, command + asked)], capture_output=True, text=True, cwd=ROOT, timeout=280)
    assert done.returncode == 0, done.stderr
    assert "window of 16 px" in done.stdout
    rows = [line.split("|")[1:3] for line in done.stdout.splitlines() if line.startswith("| edsr-compact")]
    assert [[cell.strip() for cell in row] for row in rows] == [["edsr-compact", "l2x"], ["edsr-compact", "gradient"]]
