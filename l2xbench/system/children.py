"""What every process that this program starts does first."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from pathlib import Path

SACRIFICE = "500"
"""How much sooner than its parent the kernel ends a child where memory has run out: its work is done again."""


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
