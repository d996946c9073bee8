"""One process fetches at a time: two studies started together must not write the same file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from l2xbench.errors import RequestError
from l2xbench.resources import cache_folder

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@contextmanager
def fetch_lock(waiting: Callable[[], None]) -> Iterator[None]:
    """Waits until no other process fetches into this cache folder; `waiting` is called if one does.

    Raises:
        RequestError: the cache folder cannot be written.
    """
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise RequestError(
            f"{folder}: the cache folder cannot be written ({error.strerror}); name another with the environment "
            "variable L2XBENCH_HOME"
        ) from None
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
            except OSError:
                pass  # a file system without locks
        yield
