"""Wherever units run, the tables are the same; a worker that dies costs only what it had not given back."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from l2xbench.errors import RequestError
from l2xbench.run.engine import Refill
from l2xbench.run.jobs import Job, JobResult
from l2xbench.run.pool import AHEAD, LIVES, Pool, _Queue
from l2xbench.store.units import Outcome, Unit
from tests.conftest import Command
from tests.run.remote import Quick, Slow, jobs, ready
from tests.stories.test_survival import tables

UNITS = 3 + 3 + 3 * 3 * (1 + 2 + 3)


def like_in_one_process(
    tmp_path: Path, study: Callable[[int], Path], l2xbench: Command, deaths: int, *flags: object
) -> None:
    path = study(deaths)
    done = l2xbench("run", path, "--out", tmp_path / "workers", *flags)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{UNITS} units computed" in done.stdout
    assert (tmp_path / "deaths").stat().st_size == deaths, "they have died, so that this process will not"
    again = l2xbench("run", path, "--out", tmp_path / "one")
    assert again.returncode == 0, again.stdout + again.stderr
    assert tables(tmp_path / "workers") == tables(tmp_path / "one")


@pytest.mark.slow
def test_two_processes_one_of_which_dies_and_one_has_too_little_memory(
    tmp_path: Path, study: Callable[[int], Path], l2xbench: Command
) -> None:
    like_in_one_process(tmp_path, study, l2xbench, 1, "--workers", 2)


@pytest.mark.slow
def test_a_unit_with_which_every_process_dies_fails_alone(
    tmp_path: Path, study: Callable[[int], Path], l2xbench: Command
) -> None:
    done = l2xbench("run", study(99), "--out", tmp_path / "out", "--workers", 2, "--set", "ablation=null")
    assert done.returncode == 1
    failures = pd.read_csv(tmp_path / "out/tables/failures.csv")
    assert failures[["model", "image"]].drop_duplicates().to_numpy().tolist() == [["mortal", "photo2"]]
    assert failures["reason"].str.contains(f"its worker died, {LIVES} times").all()


def taken(engine: Pool, bundles: list[list[Job]], refill: Refill = lambda job: job) -> list[tuple[int, str]]:
    """The images of the jobs that were done, and what came of them."""
    done = [(job.position.image, each.reason) for job, each in engine.run(iter(bundles), refill, lambda job: None)]
    return sorted(done)


def test_no_more_is_sent_ahead_than_is_taken() -> None:
    sent = []
    worker = Slow()
    bundles = ([job] for job in jobs(20))
    results = Pool(lambda: [worker], "slow", 1).run(bundles, lambda job: job, sent.append)
    next(results)
    assert len(worker.futures) == len(sent) == AHEAD
    assert len(list(results)) == 19


class Gone(Quick):
    """A worker that dies with its first job, and whose place stays empty."""

    def submit(self, job: Job) -> Future[JobResult]:
        self.jobs.append(job)
        return ready(ConnectionError("the machine went down"))

    def is_ready(self) -> bool:
        return not self.jobs


@pytest.mark.parametrize("shares_memory", [True, False])
def test_what_a_lost_worker_had_is_done_by_the_others(shares_memory: bool) -> None:
    work = jobs(9)
    engine = Pool(lambda: [Gone(), Quick()], "one is gone", 1, shares_memory=shares_memory)
    assert taken(engine, [work[:3], work[3:6], work[6:]]) == [(n, "done") for n in range(9)]


def in_a_row(count: int) -> list[Job]:
    """Units of one network and image, all of which start from the first."""
    first, *rest = jobs(count)
    start = Unit("attribution", 1, "set", "image0", "net")
    return [
        replace(first, key=start.key("net", "d")),
        *(replace(job, unit=replace(job.unit, needs=start)) for job in rest),
    ]


class Small(Quick):
    """A worker for whose third image memory is too small where others share it."""

    def submit(self, job: Job) -> Future[JobResult]:
        self.jobs.append(job)
        if job.crowded and job.unit.image == "image2":
            return ready(JobResult(reason="out of memory", wants_room=True))
        return ready(JobResult(reason="done"))


def test_what_finds_too_little_memory_is_done_alone() -> None:
    workers = [Small(), Small(), Small()]
    assert taken(Pool(lambda: workers, "small", 1), [[job] for job in jobs(9)]) == [(n, "done") for n in range(9)]
    third = [job.crowded for worker in workers for job in worker.jobs if job.unit.image == "image2"]
    assert sorted(third) == [False, True]
    assert sum(worker.restarts for worker in workers) == 2, "all but the one that does it: idle, they hold memory"
    alone = Small()
    assert taken(Pool(lambda: [alone], "small", 1), [[job] for job in jobs(3)]) == [(n, "done") for n in range(3)]
    assert (len(alone.jobs), alone.restarts) == (3, 0), "one worker shares with nobody"


def test_what_comes_after_a_unit_too_large_for_the_machine_is_done_alone_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Queue, "take_from", lambda *_: None)

    class TooSmall(Quick):
        def submit(self, job: Job) -> Future[JobResult]:
            self.jobs.append(job)
            if job.crowded and job.position.image >= 2:
                return ready(JobResult(reason="out of memory", wants_room=True))
            tile = {"tile": 48} if job.position.image >= 2 else {}
            return ready(JobResult(Outcome(values=tile), reason="done"))

    workers = [TooSmall(), TooSmall()]
    assert taken(Pool(lambda: workers, "small", 1), [in_a_row(8)]) == [(n, "done") for n in range(8)]
    sent = [(job.position.image, job.crowded) for worker in workers for job in worker.jobs]
    assert sorted(n for n, crowded in sent if not crowded) == [2, 3, 4, 5, 6, 7]
    assert max(n for n, crowded in sent if crowded) == 3, "one that failed, and one that had been sent with it"
    assert sum(worker.restarts for worker in workers) == 1


class Mortal(Quick):
    """A worker that dies with the first job of all, once or always."""

    deaths = 0
    most = 1

    def submit(self, job: Job) -> Future[JobResult]:
        self.jobs.append(job)
        if job.position.image == 0 and Mortal.deaths < self.most:
            Mortal.deaths += 1
            return ready(ConnectionError("killed"))
        return ready(JobResult(reason="done" if job.given is None else f"from {job.given}"))


@pytest.mark.parametrize("most", [1, LIVES])
def test_after_a_death_the_rest_starts_from_what_is_on_disk(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Mortal, "deaths", 0)
    monkeypatch.setattr(Mortal, "most", most)
    asked: list[int] = []

    def refill(job: Job) -> Job:
        asked.append(job.position.image)
        return replace(job, given="disk")  # type: ignore[arg-type]

    found = taken(Pool(lambda: [Mortal(), Mortal()], "mortal", 1), [in_a_row(4)], refill)
    died = f"its worker died, {LIVES} times (out of memory?)"
    assert found == [(0, "done" if most < LIVES else died), *((n, "from disk") for n in (1, 2, 3))]
    assert sorted(set(asked)) == [1, 2, 3]


def test_an_idle_worker_takes_half_of_what_waits_for_another() -> None:
    """At the end of a run one network on one image is left: its units share the machine."""
    workers = [Quick(), Quick()]
    slow = threading.Event()

    class Busy(Quick):
        def submit(self, job: Job) -> Future[JobResult]:
            self.jobs.append(job)
            if len(self.jobs) > AHEAD or slow.is_set():
                return ready(JobResult(reason="done"))
            future: Future[JobResult] = Future()
            threading.Thread(target=lambda: (slow.wait(10), future.set_result(JobResult(reason="done")))).start()
            return future

    class Helping(Quick):
        def submit(self, job: Job) -> Future[JobResult]:
            slow.set()
            return super().submit(job)

    workers = [Busy(), Helping()]
    work = jobs(12)
    assert taken(Pool(lambda: workers, "two", 1), [work]) == [(n, "done") for n in range(12)]
    assert len(workers[1].jobs) >= 5, "half of the ten that waited"


def test_what_a_unit_starts_from_is_not_taken_from_who_makes_it() -> None:
    queue, idle = (_Queue(Quick(), lambda job: pytest.fail("refilled"), lambda job: None) for _ in range(2))
    queue.waiting.extend(in_a_row(8))
    idle.take_from(queue, crowded=True)
    assert not idle.sent and len(queue.waiting) == 8


class Never(Quick):
    """A worker for which no machine is left."""

    def is_ready(self) -> bool:
        return False


def test_a_run_without_any_worker_ends_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2xbench.run.pool.PATIENCE", 0.01)
    monkeypatch.setattr("l2xbench.run.pool.FORSAKEN", 0.05)
    with pytest.raises(RequestError, match="no worker has been ready for .* the same command goes on"):
        taken(Pool(lambda: [Never(), Never()], "nobody", 1), [jobs(1)])
