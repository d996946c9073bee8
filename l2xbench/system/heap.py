"""The C library's heap, where tensors on the CPU lie.

glibc gives a large tensor's memory back to the kernel as soon as it is freed and asks for it anew at the next one, page
by page: of the time of a network as wide as CARN, a quarter or more (`python scripts/bench_heap.py`). Programs of ours
keep it; the library, inside a user's process, does not touch such settings.
"""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import Any

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_MOST = 2**31 - 1


def keep_freed() -> bool:
    """From now on this process keeps freed memory for its next tensors; false where the C library is not glibc.

    Whoever has set glibc's own variables (`MALLOC_MMAP_MAX_`, ...) has decided otherwise, and is left alone.
    """
    if any(name.startswith("MALLOC_") for name in os.environ):
        return False
    with suppress(OSError, AttributeError):
        mallopt = _library().mallopt
        return bool(mallopt(_MMAP_MAX, 0)) and bool(mallopt(_TRIM_THRESHOLD, _MOST))
    return False


def give_back() -> None:
    """Gives the kernel what is free: before memory is counted, and where it ran out."""
    with suppress(OSError, AttributeError):
        _library().malloc_trim(0)


def _library() -> Any:
    return ctypes.CDLL(None)
