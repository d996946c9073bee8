"""One process fetches at a time: two studies started together must not write the same file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from l2xbench.errors import RequestError
from l2xbench.resources import cache_folder
from l2xbench.system.locks import Holder, hold_folder


@contextmanager
def fetch_lock(waiting: Callable[[Holder | None], None]) -> Iterator[None]:
    """Waits until no other process fetches into this cache folder; `waiting` is told which, if one does.

    Raises:
        RequestError: the cache folder cannot be written.
    """
    folder = cache_folder()
    with ExitStack() as stack:
        try:
            stack.enter_context(hold_folder(folder, waiting=waiting))
        except OSError as error:
            raise RequestError(
                f"{folder}: the cache folder cannot be written ({error.strerror}); name another with the environment "
                "variable L2XBENCH_HOME"
            ) from None
        yield
