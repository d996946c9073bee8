"""Which engine a study gets: by rule, from what it asks for and what the machine has."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from l2xbench.run import choice
from l2xbench.run.choice import make_engine
from l2xbench.run.growing import Growing
from l2xbench.run.in_process import InProcess
from l2xbench.run.plan import make_plan
from l2xbench.run.pool import Pool
from l2xbench.studies.reading import read_study


@pytest.fixture
def engine(
    write_study: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., InProcess | Growing | Pool]:
    """The engine of a study of three images and two networks, on a machine of so many cores."""

    def make(cores: int, **study: object) -> InProcess | Growing | Pool:
        monkeypatch.setattr(choice.cores, "count", lambda: cores)
        made = make_engine(make_plan(read_study(str(write_study(**study))), tmp_path / "out"))
        assert isinstance(made, (InProcess, Growing, Pool))
        return made

    return make


def test_a_worker_has_one_thread_and_there_is_one_a_core(engine: Callable[..., InProcess | Growing | Pool]) -> None:
    assert isinstance(engine(1), InProcess)
    several = engine(3)
    assert isinstance(several, Growing)
    assert (several.threads, several._most) == (1, 3)
    assert engine(64)._most == 3, "no more than there is work for: three images by one network"


def test_what_the_user_says_is_done(engine: Callable[..., InProcess | Growing | Pool]) -> None:
    assert isinstance(engine(4, workers=1), InProcess)
    two = engine(1, workers=2)
    assert isinstance(two, Pool)
    assert two.described == "2 processes, 1 thread each"
    threads = engine(4, threads=2)
    assert (threads.threads, threads._most) == (2, 2)
    assert isinstance(engine(4, threads=4), InProcess)
    assert engine(4, threads=4).described == "this process, 4 threads"
    assert engine(4, threads=3, workers=2).described == "2 processes, 3 threads each"


def test_every_gpu_has_a_worker(
    engine: Callable[..., InProcess | Growing | Pool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [worker._settings.device for worker in engine(4, device="auto")._start()] == ["cuda:0", "cuda:1"]
    shared = engine(4, device="auto", workers=3)._start()
    assert [worker._settings.device for worker in shared] == ["cuda:0", "cuda:1", "cuda:0"]
    assert [worker._settings.device for worker in engine(4, device="cuda:1", workers=2)._start()] == ["cuda:1"] * 2
    assert engine(4, device="auto").threads == 1
    assert not engine(4, device="auto")._shares_memory, "each has a GPU's"
    assert engine(4, device="auto", workers=3)._shares_memory
