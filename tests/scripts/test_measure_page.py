"""The measurement of a large study's page: what it prints."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_sizes_and_times(browser: object, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts/measure_page.py", "--networks", "2", "--images", "3"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=tmp_path, timeout=280)
    assert done.returncode == 0, done.stderr
    sizes, times = done.stdout.splitlines()
    assert re.match(r"2 networks x 3 images: page \d+\.\d\d MB, beside it \d+ MB; made in \d+ s, peak", sizes)
    assert re.match(r"opened in \d+\.\d\d s; next image \d+\.\d\d s \(median of 2, slowest \d", times)
    assert list(tmp_path.iterdir()) == [], "what was made is gone"
