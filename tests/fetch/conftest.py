"""A server, a cache folder of the test's own, and short patience."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from l2xbench.fetch import download
from l2xbench.fetch.transfer import Patience
from tests.fetch.server import Server


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("L2XBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(download, "PATIENCE", Patience(connect=2, read=0.3, attempts=3, pause=0.01))
    return tmp_path / "home"
