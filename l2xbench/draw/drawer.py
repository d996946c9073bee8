"""What a process that only draws runs; it imports no more than that, and so starts in a second."""

from __future__ import annotations

import os

from l2xbench.draw.heatmaps import heatmap_bytes
from l2xbench.system import children

__all__ = ["awake", "begin", "heatmap_bytes"]

NICE = 5
"""By how much drawing steps back behind the networks."""


def begin() -> None:
    """Before the first figure."""
    children.begin()
    if hasattr(os, "nice"):
        os.nice(NICE)


def awake() -> dict[str, bytes]:
    """No figure; that it was done says that the process is there."""
    return {}
