"""Where units run: in this process, in processes of their own, or on a Ray cluster.

A bundle is what is owed for one network and one image: its units run on one worker, in order, since later ones start
from what earlier ones made. Outcomes come back as they are ready; only the process that holds the results folder writes
them. A worker has at most `AHEAD` units waiting, and gets the next when an outcome was taken: nothing piles up. A
worker that dies costs the units that it had not given back, which are done again; a unit with which two workers died is
a failure.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from typing import Protocol

import torch

from l2xbench.errors import RequestError
from l2xbench.run.worker import Done, Job, Settings, Worker, encoded, reason_of
from l2xbench.system.threads import work_alone

AHEAD = 2
"""Units that a worker of a process of its own has at a time: one at work, one to begin with when that is done."""
LIVES = 2
"""Workers that may die with a unit before it is given up."""
ENCODERS = max(2, min(8, (os.cpu_count() or 1) // 2))
"""Threads that measure and encode what this process's worker has made; a GPU waits for two of them."""
UNENCODED = 32
"""Outcomes that may wait for them: those of a network that is quicker than they are; then the work waits."""
READ_AHEAD = 3
"""Bundles whose images are read while one is at work."""
PATIENCE = 0.5
"""Seconds between two looks at a worker that has not started yet."""

FORSAKEN = 600.0
"""Seconds without any worker after which a run ends."""

Bundles = Iterator[list[Job]]
Fetch = Callable[[Job], Job]
"""Gives a job again what an earlier unit of a worker that died had made for it."""


Begins = Callable[[Job], None]
"""Told of each job that a worker gets."""


class Engine(Protocol):
    """What the runner hands its units to."""

    described: str
    """For the manifest."""
    threads: int
    """Of a worker, on the CPU."""

    @property
    def is_here(self) -> bool:
        """Whether units run in this process: an image that it has read already then comes with its pixels."""
        ...

    def run(self, bundles: Bundles, fetch: Fetch, begins: Begins) -> Iterator[tuple[Job, Done]]:
        """Carries out bundles; gives each job with what came of it, when it is ready. Nothing is started for none."""
        ...

    def close(self) -> None:
        """Ends the workers."""
        ...


class InProcess:
    """One unit after the other, in this process; meanwhile the next images are read, and the last outcomes encoded."""

    is_here = True

    def __init__(self, settings: Settings, described: str = "this process") -> None:
        self.described = described
        self._worker = Worker(settings)
        self.threads = torch.get_num_threads()

    def run(self, bundles: Bundles, fetch: Fetch, begins: Begins) -> Iterator[tuple[Job, Done]]:
        waiting: deque[tuple[Job, Future[Done]]] = deque()
        with ThreadPoolExecutor(ENCODERS, initializer=work_alone) as encoders:
            coming = deque(islice(bundles, READ_AHEAD))
            while coming:
                bundle = coming.popleft()
                coming.extend(islice(bundles, READ_AHEAD - len(coming)))
                for following in coming:
                    self._worker.fetch(following[0])
                for job in bundle:
                    begins(job)
                    waiting.append((job, encoders.submit(encoded, self._worker.run(job))))
                    while waiting and (len(waiting) > UNENCODED or waiting[0][1].done()):
                        done_job, outcome = waiting.popleft()
                        yield done_job, outcome.result()
            for done_job, outcome in waiting:
                yield done_job, outcome.result()

    def close(self) -> None:
        self._worker.close()


class Hand(Protocol):
    """A worker somewhere else."""

    def submit(self, job: Job) -> Future[Done]:
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


class Workers:
    """Several workers at a time.

    Raises:
        RequestError: from `run`, no worker has been there for `FORSAKEN` seconds, or what `_check` says.
    """

    is_here = False

    def __init__(self, start: Callable[[], Sequence[Hand]], described: str, threads: int) -> None:
        self.described = described
        self.threads = threads
        self._start = start
        self._hands: list[_Queue] = []
        self._patience: float | None = None

    def run(self, bundles: Bundles, fetch: Fetch, begins: Begins) -> Iterator[tuple[Job, Done]]:
        first_bundle = next(bundles, None)
        if first_bundle is None:
            return
        owed = _Owed(chain([first_bundle], bundles))
        self._hands = [_Queue(hand) for hand in self._start()]
        deaths: Counter[tuple[int, ...]] = Counter()
        there = time.monotonic()
        while True:
            ready = [hand.worker.is_ready() for hand in self._hands]
            for hand in (hand for hand, is_ready in zip(self._hands, ready, strict=True) if is_ready):
                hand.fill(owed, begins)
            first = [hand.sent[0][0] for hand in self._hands if hand.sent]
            if not first and owed.is_empty:
                return
            self._check()
            # a worker that is still to come may find room at any time, or never
            patience = self._patience if all(ready) else PATIENCE
            if first:
                wait(first, timeout=patience, return_when=FIRST_COMPLETED)
                there = time.monotonic()
            elif time.monotonic() - there > FORSAKEN:
                raise RequestError(
                    f"engine: no worker has been ready for {FORSAKEN / 60:.0f} minutes; what was finished is kept, and "
                    "the same command goes on"
                )
            else:
                time.sleep(PATIENCE)
            for hand in self._hands:
                while hand.sent and hand.sent[0][0].done():
                    future, job = hand.sent.popleft()
                    error = future.exception()
                    if error is None:
                        yield job, future.result()
                    elif not hand.worker.is_death(error):
                        yield job, Done(reason=reason_of(error))
                    else:
                        self._check(death=True)
                        deaths[job.place] += 1
                        given_up = deaths[job.place] >= LIVES
                        owed.give_back(hand.recover([] if given_up else [job], fetch))
                        if given_up:
                            yield job, Done(reason=f"its worker died, {LIVES} times (out of memory?)")

    def close(self) -> None:
        for hand in self._hands:
            hand.worker.close()

    def _check(self, *, death: bool = False) -> None:
        """Raises where there is nothing left to wait for; asked now and then, and when a worker has died."""


class _Owed:
    """The bundles that no worker has: those of workers that died come first."""

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles
        self._again: deque[list[Job]] = deque()
        self._drained = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing more, as far as was asked."""
        return self._drained and not self._again

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


class _Queue:
    """A worker, the jobs that it has, and those that it gets next."""

    def __init__(self, worker: Hand) -> None:
        self.worker = worker
        self.sent: deque[tuple[Future[Done], Job]] = deque()
        self._waiting: deque[Job] = deque()

    def fill(self, owed: _Owed, begins: Begins) -> None:
        while len(self.sent) < AHEAD:
            if not self._waiting:
                self._waiting.extend(owed.take())
            if not self._waiting:
                return
            job = self._waiting.popleft()
            begins(job)
            try:
                future = self.worker.submit(job)
            except RequestError as error:
                future = Future()
                future.set_result(Done(reason=str(error), request=True))
            except Exception as error:  # it died since
                future = Future()
                future.set_exception(error)
            self.sent.append((future, job))

    def recover(self, lost: list[Job], fetch: Fetch) -> list[Job]:
        """Puts another worker in its place; gives all that the one that died had not given back."""
        again = [*lost, *(job for _, job in self.sent), *self._waiting]
        self.sent.clear()
        self._waiting.clear()
        self.worker.restart()
        coming = {job.key for job in again}
        return [
            fetch(job) if job.needs is not None and job.given is None and job.needs not in coming else job
            for job in again
        ]


class Process:
    """A worker in a process of its own on this machine."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._start()

    def _start(self) -> None:
        # fork would copy what PyTorch's threads and CUDA hold, and break them
        context = multiprocessing.get_context("spawn")
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin, initargs=(self._settings,))

    def submit(self, job: Job) -> Future[Done]:
        return self._pool.submit(_work, job)

    def is_ready(self) -> bool:
        return True

    def is_death(self, error: BaseException) -> bool:
        return isinstance(error, BrokenProcessPool)

    def restart(self) -> None:
        self.close()
        self._start()

    def close(self) -> None:
        # a unit may take minutes, and nobody waits for it any more
        for process in list((self._pool._processes or {}).values()):
            process.kill()
        self._pool.shutdown(cancel_futures=True)


_worker: Worker | None = None


def _begin(settings: Settings) -> None:
    global _worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that writes
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = Worker(settings)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)  # nobody is left to take what this process makes


def _work(job: Job) -> Done:
    assert _worker is not None
    return encoded(_worker.run(job))
