"""Workers on a Ray cluster: `l2xbench run STUDY --engine ray`. Needs `pip install 'l2xbench[ray]'` on every machine.

Only this process reads images and checkpoints and writes results: a worker gets pixels and weights through Ray's object
store, once a machine, so that a cluster needs no file system in common. (The Python of a `module:` network is the
exception: it has to be where its card says on every machine.)
"""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError, message_of
from l2xbench.run.jobs import Job, JobResult, Settings
from l2xbench.run.pool import Pool
from l2xbench.run.worker import Worker, encoded, loaded
from l2xbench.system import threads
from l2xbench.system.lru import RecentlyUsed
from l2xbench.version import __version__
from l2xbench.zoo import checkpoints
from l2xbench.zoo.load import Source

try:
    ray: Any = import_module("ray")
except ImportError:  # said by `ray_workers`
    ray = None

TICK = 5.0
"""Seconds between two looks at the cluster's head."""
LOST = 20.0
"""Seconds without an answer after which it is gone; Ray itself ends this process after a minute, without a word."""
MINUTES = 10
"""How long a cluster may take to start all workers."""
SHARED = 8
"""Images and networks that wait in the object store for workers that have not come to them yet, of each kind."""


class RayPool(Pool):
    """An actor for each GPU of the cluster; on CPUs, if the study asks for them or there are no GPUs, one a CPU.

    With `threads: N` a worker takes N CPUs. They are started when the first unit is owed.

    Raises:
        RequestError: Ray is not installed; from `run`, there is no cluster at the study's address, it is too small, or
            its machines have another version of l2xbench or PyTorch, which could make other tables.
    """

    def __init__(self, study: StudyConfig) -> None:
        if ray is None:
            raise RequestError("engine: ray is not installed; pip install 'l2xbench[ray]'")
        super().__init__(lambda: self._begin(study), "Ray", study.threads or 1, shares_memory=False)
        self._patience = TICK
        self._head = ""
        self._asked = 0.0
        self._is_lost = False

    def _begin(self, study: StudyConfig) -> list[_RayWorker]:
        _connect(study.ray_address)
        self._head = ray.get_runtime_context().gcs_address
        have = ray.cluster_resources()
        cpus, gpus = int(have.get("CPU", 0)), int(have.get("GPU", 0))
        if study.device.startswith("cuda") and not gpus:
            raise RequestError(f"device: '{study.device}': this cluster has no GPUs")
        on_gpu = gpus > 0 and study.device != "cpu"
        most = gpus if on_gpu else cpus // self.threads
        count = study.workers or most
        if not 0 < count <= most:
            room = f"{gpus} GPUs" if on_gpu else f"{cpus} CPUs, {self.threads} a worker"
            raise RequestError(f"workers: {count} do not fit this cluster ({room})")
        settings = Settings(study.scale, "cuda" if on_gpu else "cpu", study.trust, self.threads)
        resources = {"num_cpus": 1, "num_gpus": 1} if on_gpu else {"num_cpus": self.threads}
        objects = _Objects(settings)
        workers = [_RayWorker(settings, resources, objects) for _ in range(count)]
        _check_versions(workers)
        self.described = f"Ray, {count} workers, each on {'a GPU' if on_gpu else f'{threads.told(self.threads)}'}"
        return workers

    def close(self) -> None:
        """Ends the workers and the connection."""
        if not self._is_lost:  # nobody would answer, for minutes
            super().close()
            ray.shutdown()

    def _check(self, *, death: bool = False) -> None:
        if not death and time.monotonic() - self._asked < TICK:
            return
        since = self._asked = time.monotonic()
        while not _answers(self._head):
            # whatever is asked of Ray now does not come back
            if time.monotonic() - since > LOST:
                self._is_lost = True
                raise RequestError(
                    f"engine: the Ray cluster at {self._head} is gone; what was finished is kept, and the same command "
                    "goes on when it is back"
                )
            time.sleep(TICK / 5)


def _answers(address: str) -> bool:
    """Whether anything listens at `host:port`."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout=TICK):
            return True
    except OSError:
        return False


def _connect(address: str) -> None:
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "warning", "ignore_reinit_error": True}
    if address == "local":
        ray.init(address="local", include_dashboard=False, **options)
        return
    try:
        ray.init(address=address, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise RequestError(
            f"ray_address: no Ray cluster at '{address}' ({message_of(error)[:200]}); start one with `ray start "
            "--head`, or take --ray-address local"
        ) from None


class _Actor:
    """A worker as Ray sees it."""

    def __init__(self, settings: Settings) -> None:
        self._held = ExitStack()
        self._held.enter_context(threads.exactly(settings.threads))
        self._worker = Worker(settings)

    def versions(self) -> dict[str, str]:
        return _versions()

    def run(self, job: Job, network: Source | None, pair: Any, check: Any) -> JobResult:
        if job.check is not None:
            job = replace(job, check=replace(job.check, pair=check))
        return encoded(self._worker.run(replace(job, network=network, pair=pair)))


class _RayWorker:
    """A worker somewhere on the cluster."""

    def __init__(self, settings: Settings, resources: dict[str, int], objects: _Objects) -> None:
        self._settings = settings
        # one job after the other: later ones start from what earlier ones have made
        self._class = ray.remote(**resources, max_restarts=0, max_task_retries=0, max_concurrency=1)(_Actor)
        self._objects = objects
        self._begin()

    def _begin(self) -> None:
        self.actor = self._class.remote(self._settings)
        self.versions = self.actor.versions.remote()  # there as soon as the cluster has found room for it

    def is_ready(self) -> bool:
        return bool(ray.wait([self.versions], timeout=0)[0])

    def submit(self, job: Job) -> Future[JobResult]:
        network, pair, check = self._objects.network(job), self._objects.image(job), self._objects.check(job)
        bare = replace(job, network=None, pair=None)
        future: Future[JobResult] = self.actor.run.remote(bare, network, pair, check).future()
        return future

    def is_death(self, error: BaseException) -> bool:
        return isinstance(error, ray.exceptions.RayError) and not isinstance(error, ray.exceptions.RayTaskError)

    def restart(self) -> None:
        self.close()
        self._begin()

    def close(self) -> None:
        ray.kill(self.actor, no_restart=True)


class _Objects:
    """What jobs share, in Ray's object store: put there once, dropped when others have taken its place."""

    def __init__(self, settings: Settings) -> None:
        self._scale = settings.scale
        self._networks: RecentlyUsed[Any, Any] = RecentlyUsed(SHARED)
        self._images: RecentlyUsed[Any, Any] = RecentlyUsed(SHARED)
        self._check: Any = None

    def network(self, job: Job) -> Any:
        return self._networks.get(job.identity, lambda: ray.put(_with_weights(job.network)))

    def image(self, job: Job) -> Any:
        """The pixels, or, where the file cannot be read any more, the pair, which says so in its job."""

        place = (job.unit.dataset, job.digest)
        return self._images.get(place, lambda: ray.put(self._loaded(job.pair, job.crop)))

    def check(self, job: Job) -> Any:
        """The image that decides on quicker passes, likewise; None where none does."""
        if job.check is None:
            return None
        if self._check is None:
            self._check = ray.put(self._loaded(job.check.pair, job.check.crop))
        return self._check

    def _loaded(self, pair: Any, crop: int | None) -> Any:
        try:
            return loaded(pair, self._scale, crop)
        except RequestError:
            return pair


def _with_weights(source: Source | None) -> Source | None:
    """The same with its checkpoint's content in place of the path."""
    if source is None or not isinstance(source.weights, Path):
        return source
    return replace(source, weights=checkpoints.read_checkpoint(source.weights))


def _versions() -> dict[str, str]:
    return {"l2xbench": __version__, "torch": str(torch.__version__)}


def _check_versions(workers: list[_RayWorker]) -> None:
    here = _versions()
    try:
        found = ray.get([worker.versions for worker in workers], timeout=MINUTES * 60)
    except ray.exceptions.GetTimeoutError:
        raise RequestError(f"engine: the cluster had no room for {len(workers)} workers in {MINUTES} minutes") from None
    except ray.exceptions.RayError as error:
        reason = str(error).strip().splitlines()[-1]
        raise RequestError(f"engine: a worker cannot start ({reason}); is l2xbench installed there?") from None
    for there in found:
        if there != here:
            raise RequestError(f"engine: a worker has {there}, this machine {here}; install the same everywhere")
