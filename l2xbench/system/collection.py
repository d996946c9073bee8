"""Python's search for circular references, kept out of what makes many objects and no garbage."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Import without the garbage collector: PyTorch and Matplotlib make a million objects that all stay, which it would
    go through again and again. What is there at the end is not looked at later either.

    Examples:
        >>> import gc
        >>> with uncollected():
        ...     gc.isenabled()
        False
        >>> gc.isenabled()
        True
    """
    before = gc.isenabled()
    gc.disable()
    try:
        yield
        gc.freeze()
        atexit.register(gc.unfreeze)  # extensions count what is left at the end, and complain
    finally:
        if before:
            gc.enable()
