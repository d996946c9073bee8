"""Heatmaps are the same whoever draws them, and each is drawn once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

import pytest

from l2xbench.draw.heatmaps import heatmap_bytes
from l2xbench.report import drawing
from tests.conftest import Command
from tests.draw.panels import panel
from tests.report.results import make_results

IMAGES = {"Set": [f"image{number}" for number in range(4)]}


class Here:
    """An executor that works in this process, or breaks at one of its tasks."""

    def __init__(self, breaks_at: int | None = None) -> None:
        self.tasks = 0
        self.breaks_at = breaks_at

    def submit(self, work: Callable[..., object], *arguments: object) -> Future:
        future: Future = Future()
        if self.tasks == self.breaks_at:
            future.set_exception(BrokenProcessPool("killed"))
        else:
            future.set_result(work(*arguments))
        self.tasks += 1
        return future

    def shutdown(self, **options: object) -> None: ...

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *error: object) -> None: ...


def figures(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "figures").glob("heatmap-*")}


@pytest.mark.parametrize("breaks_at", [None, 1])
def test_figures_of_several_processes_are_those_of_one(
    tmp_path: Path, l2xbench: Command, monkeypatch: pytest.MonkeyPatch, breaks_at: int | None
) -> None:
    monkeypatch.setattr(drawing, "_cores", lambda: 2)
    one = make_results(tmp_path / "one", images=IMAGES)
    assert l2xbench("report", one).returncode == 0
    monkeypatch.setattr(drawing, "FEW", 2)
    here = Here(breaks_at)
    monkeypatch.setattr(drawing, "_processes", lambda count: here)
    several = make_results(tmp_path / "several", images=IMAGES)
    assert l2xbench("report", several).returncode == 0
    assert here.tasks >= (len(IMAGES["Set"]) if breaks_at is None else breaks_at)
    assert len(figures(one)) == 2 * len(IMAGES["Set"])
    assert figures(one) == figures(several)


def test_a_process_of_its_own_draws_the_same() -> None:
    with closing(drawing.Drawers()) as drawers:
        assert drawers.submit(panel(), "green-red").result() == heatmap_bytes(panel(), "green-red")


KILLED = """
import os, signal
from l2xbench.report.drawing import Drawers
if __name__ == "__main__":
    drawers = Drawers()
    drawers.start()
    print(*drawers._pool._processes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_draws_ends_with_the_one_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    done = subprocess.run([sys.executable, tmp_path / "killed.py"], capture_output=True, text=True, check=False)
    (drawer,) = done.stdout.split()
    deadline = time.monotonic() + 60
    while Path("/proc", drawer, "cmdline").exists() and Path("/proc", drawer, "cmdline").read_bytes():
        assert time.monotonic() < deadline, "it waits for a process that is gone"
        time.sleep(0.1)


def test_images_are_drawn_while_the_run_goes_on_and_not_again(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = tmp_path / "late"
    assert l2xbench("run", write_study(), "--out", late).returncode == 0
    monkeypatch.setattr(drawing, "FEW", 2)
    here = Here()
    monkeypatch.setattr(drawing, "_processes", lambda count: here)
    # the study is so small that it would end before its figures are drawn
    monkeypatch.setattr(drawing.Ahead, "close", lambda self: self._thread.shutdown())
    monkeypatch.setattr(drawing, "_drawn", lambda left, *more: iter([pytest.fail("again")] if left else []))
    ahead = tmp_path / "ahead"
    done = l2xbench("run", write_study(), "--out", ahead)
    assert done.returncode == 0, done.stdout + done.stderr
    assert here.tasks == 1 + 3
    assert figures(ahead) == figures(late)


def test_what_goes_wrong_ahead_is_left_to_the_end(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "FEW", 2)
    monkeypatch.setattr(drawing, "_cores", lambda: 1)
    monkeypatch.setattr(drawing, "_processes", lambda count: Here(1))
    done = l2xbench("run", write_study(), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(figures(tmp_path / "out")) == 6
