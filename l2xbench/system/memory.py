"""Memory: how much is free, how much this process has held, and what it looks like when there is none left."""

from __future__ import annotations

import sys
from pathlib import Path

from l2xbench.system import heap

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

UNKNOWN = 4 << 30
"""Bytes that are taken to be free where there is no way to ask: any machine that runs these networks has them."""
_FULL = ("not enough memory", "out of memory", "can't allocate memory", "cannot allocate memory")


def free() -> int:
    """Bytes of main memory that this process can still take."""
    heap.give_back()
    return min(_of_the_system(), _of_the_control_group())


def peak() -> int:
    """Bytes of main memory that this process has held at most."""
    if resource is None:
        return 1 << 30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def has_run_out(error: BaseException) -> bool:
    """Whether Python, PyTorch's CPU allocator or a GPU had no memory left."""
    # PyTorch's class for GPUs goes by its name: whoever asks may not have imported PyTorch, which takes seconds
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in _FULL)


def _of_the_system() -> int:
    table = Path("/proc/meminfo")
    if table.exists():
        for line in table.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return UNKNOWN


def _of_the_control_group() -> int:
    """A container's limit, less what it holds; more than any machine has where there is none."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit = int((folder / "memory.max").read_text())
        return limit - int((folder / "memory.current").read_text())
    except (OSError, ValueError):
        return 1 << 62
