"""Processes that a run starts leave Ctrl-C to it, from their first moment on."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import pytest

from l2xbench.draw.drawers import Drawers
from l2xbench.run.jobs import Settings
from l2xbench.run.processes import WorkerProcess
from l2xbench.system import children

pytestmark = pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals cannot be held back here")


def _holds_ctrl_c_back() -> bool:
    return signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_a_child_starts_deaf_and_its_parent_is_not() -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with children.deaf_from_the_start():
            told = pool.submit(_holds_ctrl_c_back)
        assert not _holds_ctrl_c_back()
        assert told.result()


@pytest.mark.parametrize(
    "start",
    [
        lambda settings: WorkerProcess(settings).start(),
        lambda settings: WorkerProcess(settings).submit(None),  # type: ignore[arg-type]
        lambda _: Drawers().start(),
    ],
)
def test_every_process_of_a_run_is_started_so(
    start: Callable[[Settings], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = []
    monkeypatch.setattr(ProcessPoolExecutor, "submit", lambda *_: held.append(_holds_ctrl_c_back()))
    start(Settings(scale=4, device="cpu", trust=False))
    assert held == [True] and not _holds_ctrl_c_back()
