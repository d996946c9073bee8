"""A machine's other cores come to help when there is enough to do, and nobody's numbers change."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from l2xbench.run import growing
from l2xbench.run.growing import Growing
from l2xbench.run.jobs import Job, JobResult, Settings
from l2xbench.run.worker import Worker
from tests.conftest import Command
from tests.run.remote import Quick, jobs
from tests.stories.test_survival import BLOCKS, UNITS, tables

SETTINGS = Settings(4, "cpu", False)


class Starting(Quick):
    """A worker that is there when it is told to be."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.coming: Future[None] = Future()
        self.closed = False

    def start(self) -> Future[None]:
        return self.coming

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Starting]:
    """The workers that were started; this process's own does everything at once."""
    workers: list[Starting] = []

    def start(settings: Settings) -> Starting:
        workers.append(Starting(settings))
        return workers[-1]

    monkeypatch.setattr(growing, "WorkerProcess", start)
    monkeypatch.setattr(growing, "BRIEF", 0.0)
    monkeypatch.setattr(growing.memory, "free", lambda: 1 << 40)  # whatever else this machine is doing
    monkeypatch.setattr(Worker, "run", lambda self, job: JobResult(reason="here"))
    monkeypatch.setattr(Worker, "read_ahead", lambda self, job: None)
    return workers


def run(engine: Growing, count: int, on_start: Callable[[Job], None]) -> list[str]:
    """What came of each of so many images, in their order."""
    done = engine.run(([job] for job in jobs(count)), lambda job: job, on_start)
    found = sorted((job.position.image, result.reason) for job, result in done)
    engine.close()
    assert [image for image, _ in found] == list(range(count)), "each once"
    return [reason for _, reason in found]


def test_processes_take_over_when_all_of_them_are_there(started: list[Starting]) -> None:
    def on_start(job: Job) -> None:
        if job.position.image in (4, 5):
            started[job.position.image - 4].coming.set_result(None)

    engine = Growing(SETTINGS, 2)
    assert engine.is_here
    assert run(engine, 12, on_start) == ["here"] * 6 + ["done"] * 6
    assert len(started) == 2
    assert all(worker.closed for worker in started)
    assert not engine.is_here
    assert engine.described == "2 processes, 1 thread each"


def test_a_brief_study_starts_none(started: list[Starting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "BRIEF", 3600.0)
    engine = Growing(SETTINGS, 2)
    assert run(engine, 5, lambda job: None) == ["here"] * 5
    assert (started, engine.is_here, engine.described) == ([], True, "this process, 1 thread")


def test_memory_bounds_their_number(started: list[Starting], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing.memory, "peak", lambda: 100)
    for free, count in ((1000, 4), (750, 3), (499, 0)):
        monkeypatch.setattr(growing.memory, "free", lambda free=free: free)
        started.clear()
        assert run(Growing(SETTINGS, 8), 3, lambda job: None) == ["here"] * 3
        assert len(started) == count


def test_processes_that_cannot_start_are_not_waited_for(started: list[Starting]) -> None:
    def on_start(job: Job) -> None:
        if job.position.image == 2:
            started[0].coming.set_exception(ConnectionError("killed"))
            started[1].coming.set_result(None)

    engine = Growing(SETTINGS, 2)
    assert run(engine, 8, on_start) == ["here"] * 8
    assert len(started) == 2, "and not tried again"
    assert all(worker.closed for worker in started)


def test_what_is_handed_over_within_a_bundle_starts_from_what_is_on_disk(started: list[Starting]) -> None:
    work = jobs(6)
    asked: list[int] = []

    def refill(job: Job) -> Job:
        asked.append(job.position.image)
        return job

    def on_start(job: Job) -> None:
        if job.position.image == 2:
            for worker in started:
                worker.coming.set_result(None)

    first, *rest = work
    rest = [_needing(job, first) for job in rest]
    done = list(Growing(SETTINGS, 2).run(iter([[first, *rest]]), refill, on_start))
    assert [result.reason for _, result in done[:3]] == ["here"] * 3
    assert asked[:3] == [3, 4, 5]


def _needing(job: Job, other: Job) -> Job:
    return replace(job, unit=replace(job.unit, needs=other.unit))


@pytest.mark.slow
def test_a_run_that_grew_has_the_tables_of_one_that_did_not(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(growing, "BRIEF", 0.0)
    monkeypatch.setattr("l2xbench.run.choice.cores.count", lambda: 2)
    # the others are waited for: how long this process takes is not what is tested
    monkeypatch.setattr(Growing, "_start", _start_and_wait(Growing._start))
    before = torch.get_num_threads()
    study = write_study(**BLOCKS)
    grown = l2xbench("run", study, "--out", tmp_path / "grown")
    assert grown.returncode == 0, grown.stderr
    assert f"{UNITS} units computed" in grown.stdout
    assert torch.get_num_threads() == before
    manifest = json.loads((tmp_path / "grown/manifest.json").read_text())
    assert (manifest["threads"], manifest["engine"]) == (1, "2 processes, 1 thread each")
    alone = l2xbench("run", study, "--out", tmp_path / "alone", "--workers", 1)
    assert alone.returncode == 0, alone.stderr
    assert json.loads((tmp_path / "alone/manifest.json").read_text())["engine"] == "this process, 1 thread"
    assert tables(tmp_path / "grown") == tables(tmp_path / "alone")


def _start_and_wait(start: Callable[[Growing], None]) -> Callable[[Growing], None]:
    def started(engine: Growing) -> None:
        start(engine)
        for coming in engine._coming:
            coming.result(120)

    return started
