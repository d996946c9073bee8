"""Wherever units run, the tables are the same; a worker that dies costs only what it had not given back."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pandas as pd
import pytest

from l2xbench.errors import RequestError
from l2xbench.run.engines import AHEAD, LIVES, Workers
from l2xbench.run.worker import Done, Job
from l2xbench.store.units import Unit
from tests.conftest import Command
from tests.stories.test_survival import TINY, tables

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
        return torch.nn.functional.pixel_shuffle(self.conv(x), 4)
"""


@pytest.fixture
def study(tmp_path: Path, write_study: Callable[..., Path]) -> Callable[[int], Path]:
    """A study whose second network ends so many processes that run it on the third image."""
    (tmp_path / "net.py").write_text(MORTAL)

    def write(deaths: int) -> Path:
        mortal = {"provider": "module", "module": "./net.py:Net", "arch": {"lives": deaths}, "weights": "random"}
        return write_study(
            trust=True,
            models={"first": TINY, "mortal": mortal, "last": TINY},
            ablation={"ratios": [0.2], "random_orders": 1},
            heatmaps=None,
            threads=1,
        )

    return write


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


def test_two_processes_one_of_which_dies(tmp_path: Path, study: Callable[[int], Path], l2xbench: Command) -> None:
    like_in_one_process(tmp_path, study, l2xbench, 1, "--workers", 2)


def test_a_unit_with_which_every_process_dies_fails_alone(
    tmp_path: Path, study: Callable[[int], Path], l2xbench: Command
) -> None:
    done = l2xbench("run", study(99), "--out", tmp_path / "out", "--workers", 2, "--set", "ablation=null")
    assert done.returncode == 1
    failures = pd.read_csv(tmp_path / "out/tables/failures.csv")
    assert failures[["model", "image"]].drop_duplicates().to_numpy().tolist() == [["mortal", "photo2"]]
    assert failures["reason"].str.contains(f"its worker died, {LIVES} times").all()


@pytest.mark.timeout(600)
def test_two_workers_of_ray_one_of_which_dies(
    tmp_path: Path, study: Callable[[int], Path], l2xbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    if (os.cpu_count() or 1) < 2:
        pytest.skip("needs two CPUs")
    # workers import this package, and what this one names
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    flags = ("--engine", "ray", "--ray-address", "local", "--workers", 2)
    like_in_one_process(tmp_path, study, l2xbench, 1, *flags)


def test_no_cluster_is_one_line(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    done = l2xbench("run", write_study(), "--out", tmp_path / "out", "--engine", "ray")
    assert done.returncode == 2
    assert "ray_address: no Ray cluster at 'auto'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_without_ray_is_one_line(
    tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("l2xbench.run.cluster.ray", None)
    done = l2xbench("run", write_study(), "--out", tmp_path / "out", "--ray-address", "auto")
    assert done.returncode == 2
    assert "engine: ray is not installed; pip install 'l2xbench[ray]'" in done.stderr


class Slow:
    """A worker that has nothing ready until it is asked for."""

    def __init__(self) -> None:
        self.futures: list[Future[Done]] = []

    def submit(self, job: Job) -> Future[Done]:
        future: Future[Done] = Future()
        self.futures.append(future)
        if len(self.futures) == AHEAD:
            self.futures[0].set_result(Done(reason="first"))
        elif len(self.futures) > AHEAD:
            for each in self.futures:
                if not each.done():
                    each.set_result(Done(reason="later"))
        return future

    def is_ready(self) -> bool:
        return True

    def is_death(self, error: BaseException) -> bool:
        return isinstance(error, ConnectionError)

    def restart(self) -> None: ...

    def close(self) -> None: ...


def test_no_more_is_sent_ahead_than_is_taken() -> None:
    units = [Unit("restoration", 1, "set", f"image{number}", "net") for number in range(20)]
    jobs = [Job(u, f"k{n}", (n,), None, "net", None, "d", None) for n, u in enumerate(units)]
    drawn = []
    worker = Slow()
    bundles = ([job] for job in jobs)
    taken = Workers(lambda: [worker], "slow", 1).run(bundles, lambda job: job, drawn.append)
    next(taken)
    assert len(worker.futures) == len(drawn) == AHEAD
    assert len(list(taken)) == len(jobs) - 1


class Gone(Slow):
    """A worker that dies with its first job, and whose place stays empty."""

    def submit(self, job: Job) -> Future[Done]:
        future: Future[Done] = Future()
        future.set_exception(ConnectionError("the machine went down"))
        self.futures.append(future)
        return future

    def is_ready(self) -> bool:
        return not self.futures


class Quick(Slow):
    """A worker that has everything ready at once."""

    def submit(self, job: Job) -> Future[Done]:
        future: Future[Done] = Future()
        future.set_result(Done(reason="done"))
        return future


def test_what_a_lost_machine_had_is_done_by_the_others() -> None:
    units = [Unit("restoration", 1, "set", f"image{number}", "net") for number in range(9)]
    jobs = [Job(u, f"k{n}", (n,), None, "net", None, "d", None) for n, u in enumerate(units)]
    bundles = iter([jobs[:3], jobs[3:6], jobs[6:]])
    engine = Workers(lambda: [Gone(), Quick()], "one is gone", 1)
    done = [(job.place, each.reason) for job, each in engine.run(bundles, lambda job: job, lambda job: None)]
    assert sorted(done) == [((n,), "done") for n in range(9)]


class Never(Slow):
    """A worker for which no machine is left."""

    def is_ready(self) -> bool:
        return False


def test_a_run_without_any_worker_ends_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("l2xbench.run.engines.PATIENCE", 0.01)
    monkeypatch.setattr("l2xbench.run.engines.FORSAKEN", 0.05)
    job = Job(Unit("restoration", 1, "set", "image", "net"), "k", (0,), None, "net", None, "d", None)
    engine = Workers(lambda: [Never(), Never()], "nobody", 1)
    with pytest.raises(RequestError, match="no worker has been ready for .* the same command goes on"):
        list(engine.run(iter([[job]]), lambda job: job, lambda job: None))


def test_a_cluster_that_is_gone_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    from l2xbench.run import cluster
    from l2xbench.studies.reading import parse_study

    monkeypatch.setattr(cluster, "TICK", 0.02)
    monkeypatch.setattr(cluster, "LOST", 0.1)
    engine = cluster.RayWorkers(parse_study({"study": "s", "models": {"a": "x"}, "datasets": {"d": "./d"}}))
    waiting = Waiting()
    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]

        def begin() -> list[Waiting]:
            engine._head = f"127.0.0.1:{port}"
            return [waiting]

        monkeypatch.setattr(engine, "_start", begin)
        # the head goes down while a unit is at work
        threading.Timer(0.3, lambda: (head.shutdown(socket.SHUT_RDWR), head.close())).start()
        job = Job(Unit("restoration", 1, "set", "image", "net"), "k", (0,), None, "net", None, "d", None)
        started = time.monotonic()
        with pytest.raises(RequestError, match=rf"the Ray cluster at 127.0.0.1:{port} is gone; what was finished"):
            list(engine.run(iter([[job]]), lambda job: job, lambda job: None))
    assert time.monotonic() - started > 0.3
    engine.close()
    assert not waiting.closed, "nobody would answer"


class Waiting(Slow):
    """A worker whose cluster no longer tells what came of its unit."""

    closed = False

    def submit(self, job: Job) -> Future[Done]:
        return Future()

    def close(self) -> None:
        self.closed = True
