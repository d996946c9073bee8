"""What a process that only draws runs; it imports no more than that, and so starts in a second."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading

from l2xbench.draw.heatmaps import heatmap_bytes

__all__ = ["awake", "begin", "heatmap_bytes"]

NICE = 5
"""By how much drawing steps back behind the networks."""


def begin() -> None:
    """Before the first figure."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that writes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(NICE)


def awake() -> dict[str, bytes]:
    """No figure; that it was done says that the process is there."""
    return {}


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nobody is left to take what this process draws
