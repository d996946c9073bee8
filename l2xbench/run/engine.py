"""Where units run, seen from the runner: in this process, in processes of their own, or on a Ray cluster.

A bundle is what is owed for one network and one image: its units run on one worker, in order, since later ones start
from what earlier ones made. Results come back as they are ready; only the process that holds the results folder writes
them. What a unit gives does not depend on the engine: every worker has the same number of threads (one, unless the
study says otherwise), and what is computed together is decided by the unit alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from l2xbench.run.jobs import Job, JobResult

Bundles = Iterator[list[Job]]
Refill = Callable[[Job], Job]
"""Gives a job again with what it starts from, read from disk: the worker that had made it is gone."""
OnStart = Callable[[Job], None]
"""Told of each job that a worker gets."""


class Engine(Protocol):
    """What the runner hands its units to."""

    @property
    def described(self) -> str:
        """For the manifest."""
        ...

    @property
    def threads(self) -> int:
        """CPU threads of a worker."""
        ...

    @property
    def is_here(self) -> bool:
        """Whether units run in this process: an image that it has read already then comes with its pixels."""
        ...

    def run(self, bundles: Bundles, refill: Refill, on_start: OnStart) -> Iterator[tuple[Job, JobResult]]:
        """Carries out bundles; gives each job with what came of it, when it is ready. Nothing is started for none."""
        ...

    def close(self) -> None:
        """Ends the workers."""
        ...


def refilled(jobs: Iterable[Job], refill: Refill) -> list[Job]:
    """Jobs of one bundle, so that another worker than that which began with it can do them."""
    jobs = list(jobs)
    coming = {job.key for job in jobs}
    return [
        refill(job) if job.needs is not None and job.given is None and job.needs not in coming else job for job in jobs
    ]
