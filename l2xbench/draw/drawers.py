"""Processes that draw: a figure takes Matplotlib a second or more, most of it under Python's lock."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context

from l2xbench.draw import drawer
from l2xbench.system import children, cores


class Drawers:
    """Processes that draw, as many as there are cores; each is started when it is first needed."""

    def __init__(self) -> None:
        self.count = cores.count()
        self._pool: Executor | None = None

    def start(self) -> None:
        """Starts the first, which takes seconds, ahead of its work."""
        self.submit(drawer.awake)

    def submit(self, draw: Callable[[], dict[str, bytes]]) -> Future[dict[str, bytes]]:
        """A figure as PNG and as PDF.

        Args:
            draw: what gives them; it can be pickled.

        Raises:
            BrokenProcessPool: here or from the future, a process was killed.
        """
        if self._pool is None:
            self._pool = _processes(self.count)
        with children.deaf_from_the_start():
            return self._pool.submit(draw)

    def close(self) -> None:
        """Ends them, when what they are at is done."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def _processes(count: int) -> Executor:
    # fork would copy what PyTorch's threads hold, and break them
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=drawer.begin)
