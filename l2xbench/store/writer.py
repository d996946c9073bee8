"""Outcomes are encoded and written in threads of their own, while the next unit is at work."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Queue

THREADS = 3
"""Most of the time of writing is waiting for the disk, and waits go together."""
WAITING = 32
"""Outcomes that may wait to be written; then the work waits."""


class Writer:
    """Runs what it is given, in no certain order. What that raises is raised by the next call."""

    def __init__(self) -> None:
        self._queue: Queue[Callable[[], object] | None] = Queue(WAITING)
        self._error: BaseException | None = None
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(THREADS)]
        for thread in self._threads:
            thread.start()

    def put(self, write: Callable[[], object]) -> None:
        """Queues one piece of writing; waits where too many are queued."""
        self._raise()
        self._queue.put(write)

    def flush(self) -> None:
        """Waits until all is written."""
        self._queue.join()
        self._raise()

    def close(self) -> None:
        """Writes what is queued and ends the threads; raises nothing."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (write := self._queue.get()) is not None:
            try:
                if self._error is None:
                    write()
            except BaseException as error:
                self._error = error
            finally:
                self._queue.task_done()
        self._queue.task_done()

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
