"""How a machine's CPU threads are split among workers: as asked, as the results folder began, or by measurement.

Sums in other threads may round otherwise, so a results folder keeps the threads it began with, and only a fresh one is
measured: on the first two images of the study's own first network, by the same code and with the same processes that
then do the work. What the chosen split has made by then counts, and nothing else does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from itertools import chain
from typing import Any

import torch

from l2xbench.attribution.tiles import free_memory
from l2xbench.run.engines import Begins, Bundles, Engine, Fetch, Hand, InProcess, Process, Workers
from l2xbench.run.plan import Plan
from l2xbench.run.worker import Done, Job, Settings, settings_of
from l2xbench.store.store import Store

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

LONG = 90.0
"""Seconds of work, as estimated, below which nothing is measured: to start processes takes ten of them."""
GAIN = 1.1
"""How many times as fast more workers must be to be worth their memory."""
MISSES = 2
"""Splits slower than the best so far after which no more are tried."""
SHARE = 0.8
"""Of the free memory, for workers."""


@dataclass(frozen=True)
class Split:
    """So many workers of so many CPU threads each, and why."""

    workers: int
    threads: int
    why: str

    def __str__(self) -> str:
        workers = "one process" if self.workers == 1 else f"{self.workers} processes"
        return f"{workers} of {_threads(self.threads)} ({self.why})"


def read_split(kept: dict[str, Any] | None) -> Split | None:
    """What `asdict` made of a split; None of anything else."""
    try:
        split = Split(**(kept or {}))
    except TypeError:
        return None
    whole = isinstance(split.workers, int) and isinstance(split.threads, int) and isinstance(split.why, str)
    return split if whole and min(split.workers, split.threads) >= 1 else None


def candidates(cores: int, threads: int | None, most: int) -> list[Split]:
    """The splits worth trying against one process: the most workers first, each next with half of them.

    Args:
        cores: threads in all.
        threads: of a worker, where the user has said.
        most: workers that memory has room for.
    """
    if threads is not None:
        counts = [min(cores // threads, most)]
    else:
        counts = [min(cores >> halved, most) for halved in range(cores.bit_length())]
    found = [Split(count, threads or cores // count, "") for count in counts if count > 1]
    return list(dict.fromkeys(found))


class Measured:
    """An engine that chooses between one process and several, while it does the first of the work."""

    def __init__(
        self,
        alone: Engine,
        start: Callable[[int], Hand],
        cores: int,
        threads: int | None,
        bundles: int,
        decide: Callable[[Split], None],
    ) -> None:
        """For a machine of `cores` threads.

        Args:
            alone: the engine of one process with `threads`, or all cores.
            start: starts a process with so many threads.
            cores: threads in all.
            threads: of a worker, where the user has said.
            bundles: how many a run of the whole study has.
            decide: told of the choice before any outcome is given.
        """
        self._alone = alone
        self._start = start
        self._cores = cores
        self._asked = threads
        self._bundles = bundles
        self._decide = decide
        self._engine = alone
        self.threads = alone.threads
        self.described = alone.described

    @property
    def is_here(self) -> bool:
        return self._engine.is_here

    def run(self, bundles: Bundles, fetch: Fetch, begins: Begins) -> Iterator[tuple[Job, Done]]:
        before, probe = _first_two(bundles)
        if not before and not probe:
            return
        done: list[tuple[Job, Done]] = []
        hands: Sequence[Hand] = []
        split = Split(1, self.threads, "too few images to measure")
        if probe:
            done, seconds = _timed(self._alone.run(iter(probe), fetch, begins), len(probe[0]))
            split = Split(1, self.threads, f"all takes some {_told(seconds * self._bundles)}; not measured")
            if seconds * self._bundles >= LONG:
                split, hands, done = self._fastest(probe, seconds, done)
        self._decide(split)
        self.described = str(split)
        self.threads = split.threads
        if hands:
            self._alone.close()
            self._engine = Workers(lambda: hands, str(split), split.threads)
        yield from done
        yield from self._engine.run(chain(before, bundles), fetch, begins)

    def close(self) -> None:
        self._engine.close()
        self._alone.close()

    def _fastest(
        self, probe: list[list[Job]], seconds: float, done: list[tuple[Job, Done]]
    ) -> tuple[Split, Sequence[Hand], list[tuple[Job, Done]]]:
        """The best split, its processes (none for one process), and what it made of the probe."""
        room = int(SHARE * free_memory(torch.device("cpu"))) // max(1, _peak_memory())
        reference = Split(1, self.threads, "")
        best, rate, hands = reference, 1.0, list[Hand]()
        tried = []
        misses = 0
        for split in candidates(self._cores, self._asked, room):
            started = [self._start(split.threads) for _ in range(split.workers)]
            try:
                made, needed = _side_by_side(started, probe)
            except Exception:  # a process died, of memory most likely
                made, needed = [], float("inf")
            faster = split.workers * seconds / needed
            tried.append(f"{split.workers} of {_threads(split.threads)} {faster:.2f} times as fast")
            if faster < rate * (GAIN if best is reference else 1):
                _close(started)
                misses += 1
                if misses == MISSES:
                    break
                continue
            _close(hands)
            best, rate, hands, done = split, faster, started, made
        why = f"measured against one of {_threads(self.threads)}: {', '.join(tried)}" if tried else "no room for more"
        return Split(best.workers, best.threads, why), hands, done


class Decided:
    """An engine whose split is known: it is kept when the first outcome is there."""

    def __init__(self, engine: Engine, split: Split, decide: Callable[[Split], None]) -> None:
        self._engine = engine
        self._split = split
        self._decide = decide
        self.threads = engine.threads
        self.described = engine.described

    @property
    def is_here(self) -> bool:
        return self._engine.is_here

    def run(self, bundles: Bundles, fetch: Fetch, begins: Begins) -> Iterator[tuple[Job, Done]]:
        is_first = True
        for outcome in self._engine.run(bundles, fetch, begins):
            if is_first:
                self.described = self._engine.described
                self._decide(self._split)
                is_first = False
            yield outcome

    def close(self) -> None:
        self._engine.close()


def make_engine(plan: Plan, store: Store, note: Callable[[str], None], *, fresh: bool = False) -> Engine:
    """The engine that a study asks for, with the threads that its results folder began with.

    Args:
        plan: the study's.
        store: its results folder.
        note: told what a reader of the results should know.
        fresh: what the folder began with does not count.

    Raises:
        RequestError: there is no such device, or no Ray, or no cluster at its address.
    """
    study = plan.study
    began = None if fresh else _began(store)
    if began is not None and study.threads not in (None, began.threads):
        note(
            f"threads: {study.threads}, but this folder was begun with {began.threads}, and sums in other threads may "
            "round otherwise; --fresh does everything anew"
        )
    threads = study.threads or (None if began is None else began.threads)

    def decide(split: Split) -> None:
        if split != began:
            store.write_split(asdict(split))
            if split.workers > 1 or "measured against" in split.why:
                note(str(split))

    if study.engine == "ray":
        from l2xbench.run.cluster import RayWorkers

        cluster = RayWorkers(study.model_copy(update={"threads": threads}))
        return Decided(cluster, Split(study.workers or 1, cluster.threads, "Ray"), decide)
    settings = settings_of(plan)
    if settings.device != "cpu":
        return _on_gpus(study.workers, "auto" in study.device, settings)
    cores = torch.get_num_threads()
    if study.workers is not None:
        split = Split(study.workers, threads or max(1, cores // study.workers), "as asked")
    elif began is not None and threads == began.threads:
        split = replace(began, workers=max(1, min(began.workers, cores // threads)))
    elif began is not None or cores // (threads or 1) <= 1 or cores == 1:
        split = Split(1, threads or cores, "as asked" if threads else "all there are")
    else:
        bundles = sum(len(each.pairs) for each in plan.datasets) * len(plan.networks)
        alone = InProcess(replace(settings, threads=threads or cores))
        return Measured(alone, lambda each: Process(replace(settings, threads=each)), cores, threads, bundles, decide)
    return Decided(_engine(split, settings), split, decide)


def _engine(split: Split, settings: Settings) -> Engine:
    each = replace(settings, threads=split.threads)
    if split.workers == 1:
        return InProcess(each, str(split))
    return Workers(lambda: [Process(each) for _ in range(split.workers)], str(split), split.threads)


def _on_gpus(workers: int | None, all_of_them: bool, settings: Settings) -> Engine:
    """A worker a GPU; the CPU's threads, which decide nothing there, are divided."""
    gpus = torch.cuda.device_count() if all_of_them else 0
    count = workers or max(1, gpus)
    if count == 1:
        return InProcess(settings)
    threads = settings.threads or max(1, torch.get_num_threads() // count)
    devices = [f"cuda:{number % gpus}" if gpus else settings.device for number in range(count)]
    started = [replace(settings, threads=threads, device=device) for device in devices]
    return Workers(lambda: [Process(each) for each in started], f"{count} processes", threads)


def _began(store: Store) -> Split | None:
    """What a results folder began with; earlier versions took one process with all threads."""
    kept = read_split(store.read_split())
    if kept is None and store.has_plan():
        return Split(1, torch.get_num_threads(), "as begun")
    return kept


def _first_two(bundles: Bundles) -> tuple[list[list[Job]], list[list[Job]]]:
    """Bundles that come before, and two of the first network that computes; none where there are no two."""
    before: list[list[Job]] = []
    first: list[Job] | None = None
    for bundle in bundles:
        source = bundle[0].network
        if first is None and source is not None and source.card.parameters != 0:
            first = bundle
        elif first is not None:
            alike = bundle[0].identity == first[0].identity
            return (before, [first, bundle]) if alike else ([*before, first, bundle], [])
        else:
            before.append(bundle)
    return ([*before, first] if first else before), []


def _timed(running: Iterator[tuple[Job, Done]], first: int) -> tuple[list[tuple[Job, Done]], float]:
    """All outcomes, and the seconds from the first bundle's last to the end: the first one warms up."""
    done: list[tuple[Job, Done]] = []
    started = time.perf_counter()
    for each in running:
        done.append(each)
        if len(done) == first:
            started = time.perf_counter()
    return done, time.perf_counter() - started


def _side_by_side(hands: Sequence[Hand], probe: list[list[Job]]) -> tuple[list[tuple[Job, Done]], float]:
    """What the first of the workers made while all did the same, and the seconds that the second bundle took them."""
    done: list[tuple[Job, Done]] = []
    seconds = 0.0
    for bundle in probe:
        started = time.perf_counter()
        sent: list[list[Future[Done]]] = [[hand.submit(job) for job in bundle] for hand in hands]
        made = [[future.result() for future in futures] for futures in sent]
        seconds = time.perf_counter() - started
        done += zip(bundle, made[0], strict=True)
    return done, seconds


def _close(hands: Sequence[Hand]) -> None:
    for hand in hands:
        hand.close()


def _peak_memory() -> int:
    """Bytes that this process has held at most: what another that does the same will."""
    if resource is None:
        return 1 << 30
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _threads(count: int) -> str:
    return f"{count} thread{'' if count == 1 else 's'}"


def _told(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} minutes"
