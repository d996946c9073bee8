"""Workers on a Ray cluster, and what is said where there is none."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.run.jobs import Job, JobResult
from tests.conftest import Command
from tests.run.remote import Slow, jobs
from tests.run.test_pool import like_in_one_process


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_workers_of_ray_one_of_which_dies(
    tmp_path: Path, study: Callable[[int], Path], l2xbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    if (os.cpu_count() or 1) < 2:
        pytest.skip("needs two CPUs")
    # workers import this package, and what this one names
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    (tmp_path / "full").touch()  # workers on a cluster do not wait for each other's memory
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
    monkeypatch.setattr("l2xbench.run.ray_cluster.ray", None)
    done = l2xbench("run", write_study(), "--out", tmp_path / "out", "--ray-address", "auto")
    assert done.returncode == 2
    assert "engine: ray is not installed; pip install 'l2xbench[ray]'" in done.stderr


def test_a_cluster_that_is_gone_is_told_and_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs the extra `ray`")
    from l2xbench.run import ray_cluster
    from l2xbench.studies.reading import parse_study

    monkeypatch.setattr(ray_cluster, "TICK", 0.02)
    monkeypatch.setattr(ray_cluster, "LOST", 0.1)
    engine = ray_cluster.RayPool(parse_study({"study": "s", "models": {"a": "x"}, "datasets": {"d": "./d"}}))
    waiting = Waiting()
    with socket.create_server(("127.0.0.1", 0)) as head:
        port = head.getsockname()[1]

        def begin() -> list[Waiting]:
            engine._head = f"127.0.0.1:{port}"
            return [waiting]

        monkeypatch.setattr(engine, "_start", begin)
        # the head goes down while a unit is at work
        threading.Timer(0.3, lambda: (head.shutdown(socket.SHUT_RDWR), head.close())).start()
        started = time.monotonic()
        with pytest.raises(RequestError, match=rf"the Ray cluster at 127.0.0.1:{port} is gone; what was finished"):
            list(engine.run(iter([jobs(1)]), lambda job: job, lambda job: None))
    assert time.monotonic() - started > 0.3
    engine.close()
    assert not waiting.closed, "nobody would answer"


class Waiting(Slow):
    """A worker whose cluster no longer tells what came of its unit."""

    closed = False

    def submit(self, job: Job) -> Future[JobResult]:
        return Future()

    def close(self) -> None:
        self.closed = True
