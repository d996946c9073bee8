"""Threads beside the networks' ask PyTorch for no team, and leave the others theirs."""

from __future__ import annotations

import os
import subprocess
import sys
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from threadpoolctl import threadpool_info

from l2xbench.run.in_process import InProcess
from l2xbench.run.jobs import Job, JobResult, Position, Settings
from l2xbench.store.units import Unit
from l2xbench.system import threads
from l2xbench.system.threads import SPINS, work_alone

THREADS = 3
PROGRAM = """
import os, sys
from l2xbench import cli
assert "torch" not in sys.modules, "which reads the variable when it is imported"
sys.argv = ["l2xbench", "--version"]
try: cli.main()
except SystemExit: pass
print(os.environ.get("GOMP_SPINCOUNT"))
"""


@pytest.fixture
def three() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


def counted(pool: ThreadPoolExecutor) -> int:
    return pool.submit(torch.get_num_threads).result()


def test_a_thread_alone_and_the_others_as_before(three: None) -> None:
    with ThreadPoolExecutor(1) as early, ThreadPoolExecutor(1) as late:
        assert counted(early) == THREADS
        with ThreadPoolExecutor(1, initializer=work_alone) as alone:
            assert counted(alone) == 1
            torch.rand(400, 400).square()  # an operation that would be shared out
            assert counted(alone) == 1
        assert (counted(early), counted(late), torch.get_num_threads()) == (THREADS,) * 3


def test_what_is_encoded_beside_the_networks_is_encoded_alone(three: None, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [
        Job(
            Unit("restoration", 1, "set", f"image{n}", "net"),
            f"k{n}",
            Position(0, 0, n, 0),
            None,
            "net",
            None,
            "d",
            None,
        )
        for n in range(4)
    ]
    engine = InProcess(Settings(4, "cpu", False, 2))

    def here(job: Job) -> JobResult:
        return JobResult(reason=str(torch.get_num_threads()))

    def beside(result: JobResult) -> JobResult:
        return JobResult(reason=f"{result.reason} and {torch.get_num_threads()}")

    monkeypatch.setattr(engine._worker, "run", here)
    monkeypatch.setattr("l2xbench.run.in_process.encoded", beside)
    found = [result.reason for _, result in engine.run(iter([jobs]), lambda job: job, lambda job: None)]
    assert torch.get_num_threads() == THREADS, "as before"
    engine.close()
    assert found == ["2 and 1"] * 4


def test_threads_are_exactly_so_many_and_then_as_before(three: None) -> None:
    with threads.exactly(2):
        assert torch.get_num_threads() == 2
        assert _blas_threads() <= {1, 2}, "a machine of one core has no two"
        with ThreadPoolExecutor(1) as begun:
            assert counted(begun) == 2
        with threads.exactly(1):
            assert (torch.get_num_threads(), _blas_threads()) == (1, {1})
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == THREADS


def test_a_library_that_comes_with_a_later_module_is_limited_too(monkeypatch: pytest.MonkeyPatch) -> None:
    with threads.blas(1):
        known = threads._controller(len(sys.modules))
        assert threads._controller(len(sys.modules)) is known
    monkeypatch.setitem(sys.modules, "a_module_that_is_new", types.ModuleType("new"))
    with threads.blas(1):
        assert threads._controller(len(sys.modules)) is not known
        assert _blas_threads() == {1}


def _blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.mark.parametrize(
    ("given", "found"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_the_program_waits_briefly_unless_told_how(given: dict[str, str], found: str) -> None:
    plain = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env={**plain, **given}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split()[-1] == found
