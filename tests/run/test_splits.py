"""How the threads are split among workers: measured where it is worth it, and kept by the results folder."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import asdict
from pathlib import Path

import pytest
import torch

from l2xbench.run import splits
from l2xbench.run.engines import InProcess
from l2xbench.run.splits import Measured, Split, candidates, read_split
from l2xbench.run.worker import Done, Job, Settings
from l2xbench.store.units import Unit
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.load import Source
from tests.conftest import Command
from tests.run.test_engines import Quick
from tests.stories.test_survival import BLOCKS, UNITS, tables


def bundles(network: str = "net", images: int = 6, parameters: int | None = None) -> list[list[Job]]:
    source = Source(ModelCard(name=network, provider="module", module="m:N", parameters=parameters), None)
    units = [Unit("restoration", 1, "set", f"image{n}", network) for n in range(images)]
    return [[Job(unit, f"{network}{n}", (n,), source, network, None, "d", None)] for n, unit in enumerate(units)]


class Sleeper:
    """An engine, and a worker, that takes so many seconds a unit."""

    described = "asleep"
    is_here = True

    def __init__(self, seconds: float, threads: int) -> None:
        self.seconds, self.threads = seconds, threads
        self.done: list[str] = []
        self.closed = False

    def run(self, bundles, fetch, begins) -> Iterator[tuple[Job, Done]]:
        for bundle in bundles:
            for job in bundle:
                yield job, self.submit(job).result()

    def submit(self, job: Job) -> Future[Done]:
        time.sleep(self.seconds)
        self.done.append(job.key)
        future: Future[Done] = Future()
        future.set_result(Done(reason=f"{self.threads} threads"))
        return future

    def is_ready(self) -> bool:
        return True

    def is_death(self, error: BaseException) -> bool:
        return False

    def restart(self) -> None: ...

    def close(self) -> None:
        self.closed = True


class Dying(Quick):
    """A worker for which there is no memory."""

    def submit(self, job: Job) -> Future[Done]:
        raise ConnectionError("killed")


class Case:
    """A measured engine of `cores` threads whose one process takes `alone` seconds a unit, and others `beside`."""

    def __init__(
        self, alone: float, beside: Callable[[int], object], cores: int = 4, threads: int | None = None
    ) -> None:
        self.alone = Sleeper(alone, threads or cores)
        self.started: list[object] = []
        self.decided: list[Split] = []

        def start(threads: int) -> object:
            self.started.append(beside(threads))
            return self.started[-1]

        self.engine = Measured(self.alone, start, 4, None, 1000, self.decided.append)

    def run(self, work: list[list[Job]]) -> list[tuple[str, str]]:
        done = [(job.key, each.reason) for job, each in self.engine.run(iter(work), lambda job: job, lambda job: None)]
        self.engine.close()
        return sorted(done)


@pytest.fixture
def long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is long enough to be measured."""
    monkeypatch.setattr(splits, "LONG", 0.0)


def test_processes_are_taken_where_they_are_faster(long: None) -> None:
    case = Case(0.05, lambda threads: Sleeper(0.001 if threads == 1 else 0.02, threads))
    work = [*bundles("bicubic", parameters=0), *bundles()]
    assert case.run(work) == sorted((job.key, "1 threads") for bundle in work for job in bundle)
    (split,) = case.decided
    assert (split.workers, split.threads) == (4, 1)
    assert case.engine.threads == 1
    assert case.engine.described.startswith(
        "4 processes of 1 thread (measured against one of 4 threads: 4 of 1 thread "
    )
    assert case.alone.done == ["net0", "net1"], "the two that it was measured on"
    assert all(each.closed for each in case.started)


def test_one_process_is_kept_where_more_are_slower_or_die(long: None) -> None:
    for beside in (lambda threads: Sleeper(0.03, threads), lambda threads: Dying()):
        case = Case(0.003, beside)
        assert case.run(bundles()) == [(f"net{n}", "4 threads") for n in range(6)]
        assert (case.decided[0].workers, case.decided[0].threads) == (1, 4)
        assert "4 of 1 thread 0." in case.decided[0].why and "2 of 2 threads 0." in case.decided[0].why
        assert len(case.started) == 6
        assert case.alone.done == [f"net{n}" for n in range(6)], "each once"


def test_memory_bounds_the_workers(long: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "free_memory", lambda device: 2.6 * splits._peak_memory())
    case = Case(0.05, lambda threads: Sleeper(0.001, threads))
    case.run(bundles())
    assert (case.decided[0].workers, case.decided[0].threads) == (2, 2)
    monkeypatch.setattr(splits, "free_memory", lambda device: 0)
    case = Case(0.05, lambda threads: Sleeper(0.001, threads))
    case.run(bundles())
    assert (case.decided[0].workers, case.decided[0].why) == (1, "no room for more")


def test_a_short_study_starts_no_process() -> None:
    for work in (bundles(), bundles(images=1), bundles("bicubic", parameters=0), []):
        case = Case(0.001, lambda threads: pytest.fail("started"))
        assert [key for key, _ in case.run(work)] == [job.key for bundle in work for job in bundle]
        assert len(case.decided) == bool(work)


def test_which_splits_are_tried() -> None:
    def pairs(*arguments: int | None) -> list[tuple[int, int]]:
        return [(split.workers, split.threads) for split in candidates(*arguments)]  # type: ignore[arg-type]

    assert pairs(2, None, 9) == [(2, 1)]
    assert pairs(8, None, 99) == [(8, 1), (4, 2), (2, 4)]
    assert pairs(8, None, 5) == [(5, 1), (4, 2), (2, 4)]
    assert pairs(8, 2, 99) == [(4, 2)]
    assert pairs(8, None, 1) == pairs(8, 8, 9) == []


def test_a_split_that_cannot_be_read_is_none() -> None:
    split = Split(2, 1, "as asked")
    assert read_split(asdict(split)) == split
    for wrong in (None, {}, {"workers": 2}, {**asdict(split), "threads": 0}, {**asdict(split), "workers": "2"}):
        assert read_split(wrong) is None


def test_a_folder_keeps_the_threads_it_began_with(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[int | None] = []
    original = InProcess.__init__

    def spy(self: InProcess, settings: Settings, *more: str) -> None:
        used.append(settings.threads)
        original(self, settings, *more)

    monkeypatch.setattr(InProcess, "__init__", spy)
    before = torch.get_num_threads()
    out = tmp_path / "out"
    try:
        first = l2xbench("run", write_study(threads=2, heatmaps=None), "--out", out)
        assert first.returncode == 0 and "threads" not in first.stdout
        again = l2xbench("run", write_study(heatmaps=None), "--out", out)
        assert again.returncode == 0
        other = l2xbench("run", write_study(heatmaps=None, threads=1), "--out", out, "--retry-failed")
        assert "threads: 1, but this folder was begun with 2" in other.stdout
        fresh = l2xbench("run", write_study(heatmaps=None, threads=1), "--out", out, "--fresh")
        assert "was begun" not in fresh.stdout
    finally:
        torch.set_num_threads(before)
    assert used == [2, 2, 1, 1]
    assert json.loads((out / "records/split.json").read_text()) == {"workers": 1, "threads": 1, "why": "as asked"}
    assert json.loads((out / "manifest.json").read_text())["engine"] == "one process of 1 thread (as asked)"


def test_a_measured_run_has_the_tables_of_one_that_was_told(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], long: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(splits, "GAIN", 0.0)  # whatever comes of it on a busy machine
    monkeypatch.setattr(splits.torch, "get_num_threads", lambda: 2)
    before = torch.get_num_threads()
    try:
        measured = l2xbench("run", write_study(**{**BLOCKS, "threads": None}), "--out", tmp_path / "measured")
    finally:
        torch.set_num_threads(1)
    assert measured.returncode == 0, measured.stderr
    assert "2 processes of 1 thread (measured against one of 2 threads: 2 of 1 thread " in measured.stdout
    assert f"{UNITS} units computed" in measured.stdout
    told = l2xbench("run", write_study(**BLOCKS), "--out", tmp_path / "told")
    assert told.returncode == 0, told.stderr
    torch.set_num_threads(before)
    assert tables(tmp_path / "measured") == tables(tmp_path / "told")
    manifest = json.loads((tmp_path / "measured/manifest.json").read_text())
    assert manifest["threads"] == 1 and manifest["engine"].startswith("2 processes of 1 thread (measured")
