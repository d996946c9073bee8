"""Workers that are nowhere: what a pool sees of a worker, without its work."""

from __future__ import annotations

from concurrent.futures import Future

from l2xbench.run.jobs import Job, JobResult, Position
from l2xbench.run.pool import AHEAD
from l2xbench.store.units import Unit


def jobs(count: int, needs: Unit | None = None) -> list[Job]:
    """Units of different images, or, with `needs`, all of one image and started from that."""
    found = []
    for number in range(count):
        unit = Unit("restoration", 1, "set", "" if needs else f"image{number}", "net", str(number), needs=needs)
        found.append(Job(unit, f"k{number}", Position(0, 0, number, 0), None, "net", None, "d", None))
    return found


class Slow:
    """A worker that has nothing ready until more is asked of it."""

    def __init__(self) -> None:
        self.futures: list[Future[JobResult]] = []
        self.restarts = 0

    def submit(self, job: Job) -> Future[JobResult]:
        future: Future[JobResult] = Future()
        self.futures.append(future)
        if len(self.futures) == AHEAD:
            self.futures[0].set_result(JobResult(reason="first"))
        elif len(self.futures) > AHEAD:
            for each in self.futures:
                if not each.done():
                    each.set_result(JobResult(reason="later"))
        return future

    def is_ready(self) -> bool:
        return True

    def is_death(self, error: BaseException) -> bool:
        return isinstance(error, ConnectionError)

    def restart(self) -> None:
        self.restarts += 1

    def close(self) -> None: ...


class Quick(Slow):
    """A worker that has everything ready at once."""

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[Job] = []

    def submit(self, job: Job) -> Future[JobResult]:
        self.jobs.append(job)
        return ready(JobResult(reason="done"))


def ready(result: JobResult | Exception) -> Future[JobResult]:
    """A future that is done."""
    future: Future[JobResult] = Future()
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
    return future
