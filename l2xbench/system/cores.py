"""How many CPU cores this process may use."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def count() -> int:
    """Cores that the scheduler lets this process run on, or fewer where a container's quota of time is less."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(here, int(_quota())))


def _quota() -> float:
    """Cores' worth of time that the control group may take; infinite where nothing is said."""
    groups = Path("/sys/fs/cgroup")
    with suppress(OSError, ValueError):
        share, period = (groups / "cpu.max").read_text().split()
        return int(share) / int(period) if share != "max" else 1e9
    with suppress(OSError, ValueError, ZeroDivisionError):
        share, period = ((groups / "cpu" / name).read_text() for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us"))
        return int(share) / int(period) if int(share) > 0 else 1e9
    return 1e9
