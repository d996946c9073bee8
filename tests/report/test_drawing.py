"""Heatmaps are the same whoever draws them, and each is drawn once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from l2xbench.draw import drawers
from l2xbench.report import ahead, drawing
from tests.conftest import Command
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
    monkeypatch.setattr(drawers.cores, "count", lambda: 2)
    one = make_results(tmp_path / "one", images=IMAGES)
    assert l2xbench("report", one).returncode == 0
    monkeypatch.setattr(drawing, "FEW", 2)
    here = Here(breaks_at)
    monkeypatch.setattr(drawers, "_processes", lambda count: here)
    several = make_results(tmp_path / "several", images=IMAGES)
    assert l2xbench("report", several).returncode == 0
    assert here.tasks >= (len(IMAGES["Set"]) if breaks_at is None else breaks_at)
    assert len(figures(one)) == 2 * len(IMAGES["Set"])
    assert figures(one) == figures(several)


def test_images_are_drawn_while_the_run_goes_on_and_not_again(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    late = tmp_path / "late"
    assert l2xbench("run", write_study(heatmaps={}), "--out", late).returncode == 0
    monkeypatch.setattr(drawing, "FEW", 2)
    here = Here()
    monkeypatch.setattr(drawers, "_processes", lambda count: here)
    # the study is so small that it would end before its figures are drawn
    monkeypatch.setattr(ahead.Ahead, "close", lambda self: self._thread.shutdown())
    monkeypatch.setattr(drawing, "_drawn", lambda left, *more: iter([pytest.fail("again")] if left else []))
    early = tmp_path / "early"
    done = l2xbench("run", write_study(heatmaps={}), "--out", early)
    assert done.returncode == 0, done.stdout + done.stderr
    assert here.tasks == 1 + 3
    assert figures(early) == figures(late)


def test_what_goes_wrong_ahead_is_left_to_the_end(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "FEW", 2)
    monkeypatch.setattr(drawers.cores, "count", lambda: 1)
    monkeypatch.setattr(drawers, "_processes", lambda count: Here(1))
    done = l2xbench("run", write_study(heatmaps={}), "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(figures(tmp_path / "out")) == 6
