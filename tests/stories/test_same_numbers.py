"""A study's tables do not hang on how many workers, cores and threads there were, how busy, or how often killed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

import l2xbench
from l2xbench.run import growing
from l2xbench.system import threads
from tests.processes import Program, start
from tests.stories.test_survival import BLOCKS, TINY, kept, leftovers, tables

STUDY = {
    **BLOCKS,
    # attention and convolutions: PyTorch takes other kernels for them with other threads and other batches
    "models": {"tiny": TINY, "swinir": "swinir-compact"},
    "attribution": {"methods": ["l2x", "smoothgrad"], "options": {"smoothgrad": {"samples": 3}}},
    "sensitivity": {"sizes": 3, "subsets": 6, "methods": ["l2x"]},
    "randomisation": {"depths": [0.5], "methods": ["l2x"]},
}

Run = Callable[..., Program]


def on_one_core() -> None:
    """As `taskset` starts a program."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def with_two_threads() -> None:
    """PyTorch finds two cores, and so do we."""
    torch.set_num_threads(2)
    growing.BRIEF = 0.0
    os.sched_getaffinity = lambda process: {0, 1}


@pytest.fixture
def run(tmp_path: Path, write_study: Callable[..., Path]) -> Iterator[Run]:
    """Starts a run of the study in a process of its own, into a folder of this name."""
    study = write_study(**STUDY)
    started: list[Program] = []

    def begin(name: str, *more: object, setup: Callable[[], None] | None = None) -> Program:
        output = tmp_path / f"output-{len(started)}"
        started.append(start(output, "run", study, "--out", tmp_path / name, *more, setup=setup))
        return started[-1]

    yield begin
    for program in started:
        if program.process.is_alive():
            program.kill()


@pytest.fixture
def load() -> Iterator[None]:
    """A process beside, which wants a core for itself."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    yield
    busy.kill()
    busy.wait()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a scheduler that can be told")
def test_tables_are_the_same_byte_for_byte(tmp_path: Path, run: Run, load: None) -> None:
    def done(name: str, *flags: object, setup: Callable[[], None] | None = None) -> dict[str, str]:
        program = run(name, *flags, setup=setup)
        assert program.wait(600) == 0, program.output
        assert not leftovers(tmp_path / name)
        return tables(tmp_path / name)

    one = done("one", "--workers", 1)
    assert done("core", setup=on_one_core) == one
    assert done("three", "--workers", 3) == one

    program = run("killed", setup=with_two_threads)
    program.wait_until(lambda: len(kept(tmp_path / "killed")) >= 20)
    assert program.process.is_alive(), program.output
    program.kill()
    assert done("killed", setup=with_two_threads) == one
    assert '"engine": "2 processes, 1 thread each"' in (tmp_path / "killed/manifest.json").read_text()


def test_what_is_pinned_would_matter() -> None:
    """That tables are the same is not so by itself: other threads, or other images beside, give other last digits."""
    network = l2xbench.load_model("edsr-compact")
    lr = torch.rand(4, 3, 12, 10, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        with threads.exactly(1):
            alone, together = network(lr[:1]), network(lr)[:1]
        with threads.exactly(2):
            shared = network(lr[:1])
    if torch.equal(alone, shared) and torch.equal(alone, together):
        pytest.skip("this machine's kernels give the same anyway")
    assert torch.allclose(alone, shared, atol=1e-5) and torch.allclose(alone, together, atol=1e-5)
