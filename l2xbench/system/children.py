"""How every process that this program starts begins: it leaves Ctrl-C to its parent, and ends with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path

SACRIFICE = "500"
"""How much sooner than its parent the kernel ends a child where memory has run out: its work is done again."""


@contextmanager
def deaf_from_the_start() -> Iterator[None]:
    """What is started within does not hear Ctrl-C in the seconds until it comes to `begin`.

    A process inherits the signals that the thread which starts it holds back. This one hears of a Ctrl-C meanwhile
    through another thread, or right afterwards.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # started within, it would let the signal through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin() -> None:
    """Leaves Ctrl-C to the parent, which writes the results, and ends with it, even if that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(SACRIFICE)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nobody is left to take what this process makes
