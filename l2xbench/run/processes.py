"""A worker in a process of its own on this machine."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack

from l2xbench.run.jobs import Job, JobResult, Settings
from l2xbench.run.worker import Worker, encoded
from l2xbench.system import children, threads


class WorkerProcess:
    """It is started with its first job, or by `start`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._make()

    def _make(self) -> None:
        # fork would copy what PyTorch's threads and CUDA hold, and break them
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(self._settings,))

    def start(self) -> Future[None]:
        """Starts the process, which takes seconds, ahead of its first job; done when it is there."""
        with children.deaf_from_the_start():
            return self._pool.submit(_awake)

    def submit(self, job: Job) -> Future[JobResult]:
        with children.deaf_from_the_start():
            return self._pool.submit(_work, job)

    def is_ready(self) -> bool:
        return True

    def is_death(self, error: BaseException) -> bool:
        return isinstance(error, BrokenProcessPool)

    def restart(self) -> None:
        """The next job starts another process."""
        self.close()
        self._make()

    def close(self) -> None:
        # a unit may take minutes, and nobody waits for it any more
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(cancel_futures=True)


_worker: Worker | None = None
_held = ExitStack()
"""What lasts as long as the process."""


def _begin(settings: Settings) -> None:
    global _worker
    children.begin()
    _held.enter_context(threads.exactly(settings.threads))
    _worker = Worker(settings)


def _awake() -> None:
    """That it was done says that the process is there."""


def _work(job: Job) -> JobResult:
    assert _worker is not None
    return encoded(_worker.run(job), job.crowded)
