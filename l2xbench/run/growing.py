"""The engine of a machine with several cores: this process at first, a process a core when there is enough to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import Future
from itertools import chain

from l2xbench.run.engine import Bundles, Engine, OnStart, Refill
from l2xbench.run.in_process import InProcess
from l2xbench.run.jobs import Job, JobResult, Settings
from l2xbench.run.pool import Pool
from l2xbench.run.processes import WorkerProcess
from l2xbench.system import memory, threads

BRIEF = 8.0
"""Seconds of work for which no process is started: each takes a core some four seconds to come up."""
SHARE = 0.8
"""The share of the free memory that workers may take."""
HEADROOM = 2.0
"""What a worker may need, as a multiple of what this process has held so far: larger images and networks may come."""


class Growing:
    """One worker in this process; those of `most` processes that memory has room for, if that is not done in `BRIEF`.

    How many work, and since when, decides nothing but the time: see `l2xbench.run.engine`.
    """

    def __init__(self, settings: Settings, most: int) -> None:
        self.threads = settings.threads
        self._settings = settings
        self._most = most
        self._here = InProcess(settings)
        self._engine: Engine = self._here
        self._workers: list[WorkerProcess] = []
        self._coming: list[Future[None]] = []
        self._since = 0.0

    @property
    def described(self) -> str:
        return self._engine.described

    @property
    def is_here(self) -> bool:
        return self._engine is self._here

    def run(self, bundles: Bundles, refill: Refill, on_start: OnStart) -> Iterator[tuple[Job, JobResult]]:
        self._since = time.monotonic()
        yield from self._here.run(bundles, refill, on_start, until=self._is_grown)
        if self._here.left:
            self._here.close()
            self._engine = processes(self._workers, self.threads)
            yield from self._engine.run(chain(self._here.left, bundles), refill, on_start)

    def close(self) -> None:
        """Ends the workers."""
        for worker in self._workers:
            worker.close()
        self._here.close()

    def _is_grown(self) -> bool:
        """Whether the processes are there; starts them when it is time."""
        if not self._workers:
            if time.monotonic() - self._since >= BRIEF and self._most > 1:
                self._start()
            return False
        if not all(coming.done() for coming in self._coming):
            return False
        if any(coming.exception() for coming in self._coming):  # out of memory, most likely
            self._give_up()
            return False
        return True

    def _start(self) -> None:
        room = int(SHARE * memory.free() / (HEADROOM * memory.peak()))
        self._most = min(self._most, room)
        if self._most > 1:
            self._workers = [WorkerProcess(self._settings) for _ in range(self._most)]
            self._coming = [worker.start() for worker in self._workers]

    def _give_up(self) -> None:
        for worker in self._workers:
            worker.close()
        self._workers, self._most = [], 1


def processes(workers: list[WorkerProcess], count: int, *, shares_memory: bool = True) -> Pool:
    """The engine of these workers, with `count` threads each."""
    described = f"{len(workers)} processes, {threads.told(count)} each"
    return Pool(lambda: workers, described, count, shares_memory=shares_memory)
