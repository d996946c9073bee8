"""The engine of several workers, wherever they are.

A worker has at most `AHEAD` units waiting, and gets the next when a result was taken: nothing piles up. A worker that
dies costs the units that it had not given back, which are done again; a unit with which two workers died is a failure.
Workers that share a machine's memory may be too many for it. A unit that found too little, or with which a worker died,
is then done alone, while the others wait in fresh processes, so that what comes of it does not hang on how many there
are.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import replace
from itertools import chain
from typing import Protocol

from l2xbench.errors import RequestError, reason_of
from l2xbench.run.engine import Bundles, OnStart, Refill, refilled
from l2xbench.run.jobs import Job, JobResult, Position

AHEAD = 2
"""Units that a worker has at a time: one at work, one to begin with when that is done."""
LIVES = 2
"""Workers that may die with a unit before it is given up."""
PATIENCE = 0.5
"""Seconds between two looks at a worker that has not started yet."""
FORSAKEN = 600.0
"""Seconds without any worker after which a run ends."""


class RemoteWorker(Protocol):
    """A worker somewhere else: in a process, or on another machine."""

    def submit(self, job: Job) -> Future[JobResult]:
        """Sends a job; they are done in the order in which they are sent."""
        ...

    def is_ready(self) -> bool:
        """Whether it has started, and takes jobs."""
        ...

    def is_death(self, error: BaseException) -> bool:
        """Whether the worker is gone."""
        ...

    def restart(self) -> None:
        """Puts another in its place."""
        ...

    def close(self) -> None:
        """Ends it."""
        ...


class Pool:
    """Several workers at a time.

    Raises:
        RequestError: from `run`, no worker has been there for `FORSAKEN` seconds, or what `_check` says.
    """

    is_here = False
    _patience: float | None = None
    """Seconds between two calls of `_check`, None for whenever something has happened."""

    def __init__(
        self,
        start: Callable[[], Sequence[RemoteWorker]],
        described: str,
        threads: int,
        *,
        shares_memory: bool = True,
    ) -> None:
        """For workers that are started when the first unit is owed.

        Args:
            start: starts them.
            described: what they are, for the manifest.
            threads: of each, on the CPU.
            shares_memory: whether one of them would have more memory if it were alone.
        """
        self.described = described
        self.threads = threads
        self._shares_memory = shares_memory
        self._start = start
        self._queues: list[_Queue] = []

    def run(self, bundles: Bundles, refill: Refill, on_start: OnStart) -> Iterator[tuple[Job, JobResult]]:
        first_bundle = next(bundles, None)
        if first_bundle is None:
            return
        owed = _Owed(chain([first_bundle], bundles))
        self._queues = [_Queue(worker, refill, on_start) for worker in self._start()]
        deaths: Counter[Position] = Counter()
        last_seen = time.monotonic()
        while True:
            ready = [queue for queue in self._queues if queue.worker.is_ready()]
            self._hand_out(owed, ready)
            sent = [queue.sent[0][0] for queue in self._queues if queue.sent]
            if not sent and owed.is_empty:
                return
            self._check()
            if sent:
                # a worker that is still to come may find room at any time, or never
                patience = self._patience if len(ready) == len(self._queues) else PATIENCE
                wait(sent, timeout=patience, return_when=FIRST_COMPLETED)
                last_seen = time.monotonic()
            elif time.monotonic() - last_seen > FORSAKEN:
                raise RequestError(
                    f"engine: no worker has been ready for {FORSAKEN / 60:.0f} minutes; what was finished is kept, and "
                    "the same command goes on"
                )
            else:
                time.sleep(PATIENCE)
            for queue in self._queues:
                yield from self._take(queue, owed, deaths)

    def close(self) -> None:
        for queue in self._queues:
            queue.worker.close()

    @property
    def _is_crowded(self) -> bool:
        return self._shares_memory and len(self._queues) > 1

    def _hand_out(self, owed: _Owed, ready: list[_Queue]) -> None:
        """Gives each worker that is ready something to do; or one what is to be done alone, when none is at work."""
        if owed.is_alone:
            return
        if not owed.alone:
            for queue in ready:
                queue.fill(owed, self._is_crowded)
            for idle in (queue for queue in ready if not queue.sent):
                busiest = max(self._queues, key=lambda queue: len(queue.waiting))
                idle.take_from(busiest, self._is_crowded)
        elif ready and not any(queue.sent for queue in self._queues):
            lone = next((queue for queue in ready if not queue.is_fresh), ready[0])
            for queue in self._queues:
                owed.give_back(queue.take_back())
                if queue is not lone:
                    queue.restart()  # idle, it would still hold its network and its images
            lone.send(owed.begin_alone(), crowded=False)

    def _take(self, queue: _Queue, owed: _Owed, deaths: Counter[Position]) -> Iterator[tuple[Job, JobResult]]:
        """The results that a worker has ready. What it has lost is owed again."""
        while queue.sent and queue.sent[0][0].done():
            future, job = queue.sent.popleft()
            error = future.exception()
            died = error is not None and queue.worker.is_death(error)
            result = future.result() if error is None else JobResult(reason=reason_of(error))
            if not died and not result.wants_room:
                yield job, result
                after = owed.end_alone()
                if after and _is_divided(result):
                    (following,) = queue.refilled(after[:1])  # it is as large as this one
                    owed.alone.appendleft((following, after[1:]))
                else:
                    owed.give_back(queue.refilled(after))
                continue
            if died:
                self._check(death=True)
                deaths[job.position] += 1
            after = [*(job for _, job in queue.sent), *queue.waiting, *owed.end_alone()]
            queue.sent.clear()
            queue.waiting.clear()
            queue.restart()
            if deaths[job.position] >= LIVES:
                yield job, JobResult(reason=f"its worker died, {LIVES} times (out of memory?)")
            elif self._is_crowded:
                (job,) = queue.refilled([job])
                owed.alone.append((job, after))
                continue
            else:
                after = [job, *after]
            owed.give_back(queue.refilled(after))

    def _check(self, *, death: bool = False) -> None:
        """Raises where there is nothing left to wait for; asked now and then, and when a worker has died."""


def _is_divided(result: JobResult) -> bool:
    """Whether memory was too small even for this unit alone."""
    return result.outcome is not None and not result.outcome.values.keys().isdisjoint(("tile", "batch"))


class _Owed:
    """The bundles that no worker has: those that were given back come first."""

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles
        self._again: deque[list[Job]] = deque()
        self._drained = False
        self._after: list[Job] | None = None
        self.alone: deque[tuple[Job, list[Job]]] = deque()
        """Jobs that are to be done while no other is, and what comes after each on the same network and image."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing more, as far as was asked."""
        return self._drained and not self._again and not self.alone and not self.is_alone

    @property
    def is_alone(self) -> bool:
        """Whether a job is being done alone."""
        return self._after is not None

    def take(self) -> list[Job]:
        """The next bundle; empty when there is none."""
        if self._again:
            return self._again.popleft()
        bundle = next(self._bundles, [])
        self._drained = not bundle
        return bundle

    def give_back(self, bundle: list[Job]) -> None:
        """What a worker has not done; any other may."""
        if bundle:
            self._again.append(bundle)

    def begin_alone(self) -> Job:
        """The next job that is to be done alone."""
        job, self._after = self.alone.popleft()
        return job

    def end_alone(self) -> list[Job]:
        """What comes after the job that was being done alone; empty where none was."""
        after, self._after = self._after or [], None
        return after


class _Queue:
    """A worker, the jobs that it has, and those that it gets next."""

    def __init__(self, worker: RemoteWorker, refill: Refill, on_start: OnStart) -> None:
        self.worker = worker
        self.sent: deque[tuple[Future[JobResult], Job]] = deque()
        self.waiting: deque[Job] = deque()
        self.is_fresh = False
        """Whether the worker was put in another's place, and has had nothing to do yet."""
        self._refill = refill
        self._on_start = on_start

    def fill(self, owed: _Owed, crowded: bool) -> None:
        """Sends as many jobs as the worker may have; a new bundle is taken when the last is sent."""
        while len(self.sent) < AHEAD:
            if not self.waiting:
                self.waiting.extend(owed.take())
            if not self.waiting:
                return
            self.send(self.waiting.popleft(), crowded)

    def send(self, job: Job, crowded: bool) -> None:
        """Sends one job."""
        self.is_fresh = False
        self._on_start(job)
        job = replace(job, crowded=crowded)
        try:
            future = self.worker.submit(job)
        except RequestError as error:
            future = Future()
            future.set_result(JobResult(reason=str(error), of_network=True))
        except Exception as error:  # it died since
            future = Future()
            future.set_exception(error)
        self.sent.append((future, job))

    def restart(self) -> None:
        """Puts another worker in the place of this one, unless that has just been done."""
        if not self.is_fresh:
            self.worker.restart()
            self.is_fresh = True

    def take_from(self, other: _Queue, crowded: bool) -> None:
        """Half of what waits for another worker, at the end of a run: no job whose start or sequel stays there."""
        theirs = {job.key for _, job in other.sent} | {job.key for job in other.waiting}
        needed = {job.needs for job in other.waiting}
        free = [
            job
            for job in other.waiting
            if job.key not in needed and (job.given is not None or job.needs is None or job.needs not in theirs)
        ]
        taken = self.refilled(free[len(free) // 2 :])
        keys = {job.key for job in taken}
        other.waiting = deque(job for job in other.waiting if job.key not in keys)
        self.waiting.extend(taken)
        while self.waiting and len(self.sent) < AHEAD:
            self.send(self.waiting.popleft(), crowded)

    def take_back(self) -> list[Job]:
        """What waits for this worker, so that any may do it."""
        back = self.refilled(self.waiting)
        self.waiting.clear()
        return back

    def refilled(self, jobs: Iterable[Job]) -> list[Job]:
        """The jobs, so that another worker can do them."""
        return refilled(jobs, self._refill)
