"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real images, published weights and golden outputs; tests that need it skip where it is absent."""
    root = Path(os.environ.get("L2XBENCH_SHARED", Path(__file__).parents[2] / "shared"))
    if not (root / "golden").is_dir():
        pytest.skip(f"needs the shared test data; {root} is absent (set L2XBENCH_SHARED)")
    return root
