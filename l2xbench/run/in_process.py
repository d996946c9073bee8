"""The engine of one worker: this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice

from l2xbench.run.engine import Bundles, OnStart, Refill, refilled
from l2xbench.run.jobs import Job, JobResult, Settings
from l2xbench.run.worker import Worker, encoded
from l2xbench.system import cores, threads
from l2xbench.system.threads import work_alone

ENCODERS = max(2, min(8, cores.count() // 2))
"""Threads that measure and encode what the worker has made; a GPU waits for two of them."""
UNENCODED = 32
"""Results that may wait for them: those of a network that is quicker than they are; then the work waits."""
READ_AHEAD = 3
"""Bundles whose images are read while one is at work."""


class InProcess:
    """One unit after the other; meanwhile the next images are read, and the last results encoded.

    The number of PyTorch's threads is the settings' from `run` until all is done, or `close`; then it is as before.
    """

    is_here = True

    def __init__(self, settings: Settings) -> None:
        self.described = f"this process, {threads.told(settings.threads)}"
        self.threads = settings.threads
        self._worker = Worker(settings)
        self._held = ExitStack()
        self.left: list[list[Job]] = []
        """What was not begun when `run` was told to stop."""

    def run(
        self, bundles: Bundles, refill: Refill, on_start: OnStart, until: Callable[[], bool] = lambda: False
    ) -> Iterator[tuple[Job, JobResult]]:
        """As every engine's; `until` is asked before each job whether to stop, and leave the others in `left`."""
        waiting: deque[tuple[Job, Future[JobResult]]] = deque()
        self._held.enter_context(threads.exactly(self.threads))
        with ThreadPoolExecutor(ENCODERS, initializer=work_alone) as encoders:
            coming = deque(islice(bundles, READ_AHEAD))
            while coming and not self.left:
                bundle = coming.popleft()
                coming.extend(islice(bundles, READ_AHEAD - len(coming)))
                for following in coming:
                    self._worker.read_ahead(following[0])
                for number, job in enumerate(bundle):
                    if until():
                        self.left = [bundle[number:], *coming]
                        break
                    on_start(job)
                    waiting.append((job, encoders.submit(encoded, self._worker.run(job))))
                    while waiting and (len(waiting) > UNENCODED or waiting[0][1].done()):
                        done_job, result = waiting.popleft()
                        yield done_job, result.result()
            for done_job, result in waiting:
                yield done_job, result.result()
        self.left = [refilled(left, refill) for left in self.left]
        self._held.close()

    def close(self) -> None:
        """Lets go of the network; PyTorch has its threads again."""
        self._worker.close()
        self._held.close()
