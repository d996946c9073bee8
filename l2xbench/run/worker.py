"""What carries out units: it holds one network and a few images, and knows nothing of where results are kept."""

from __future__ import annotations

import gc
import threading
import zlib
from concurrent.futures import Future
from contextlib import nullcontext, suppress
from dataclasses import replace
from typing import Any

import torch

from l2xbench.attribution.engine.draws import drawn_from
from l2xbench.attribution.engine.state import preserved
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.errors import RequestError, reason_of
from l2xbench.run.devices import forbid_tf32
from l2xbench.run.jobs import Job, JobResult, Settings
from l2xbench.store.encoding import encode_outcome
from l2xbench.store.units import OUTPUT, WEIGHTS_KEY, Arrays, Outcome
from l2xbench.studies.owed import told_together
from l2xbench.studies.registry import study_named
from l2xbench.studies.shared.inference import undivided
from l2xbench.studies.shared.passes import are_known, passes_of
from l2xbench.system import heap, memory
from l2xbench.system.lru import RecentlyUsed
from l2xbench.system.threads import work_alone
from l2xbench.zoo.load import Source, build
from l2xbench.zoo.network import Network
from l2xbench.zoo.outputs import UnfitNetwork

IMAGES = 32
"""Images that a worker holds: those that come again for the next network, if there are no more."""


class _Passing(RequestError):
    """What says nothing of the unit itself."""


class Worker:
    """Carries out jobs, one after the other; a network is built when the first job needs it, and freed at the next.

    Whoever runs it decides on the threads, see `system.threads`.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.device = torch.device(settings.device)
        heap.keep_freed()
        forbid_tf32()
        self._network: tuple[str, Network | JobResult] | None = None
        self._images: RecentlyUsed[tuple[str, str], Future[LoadedPair]] = RecentlyUsed(IMAGES)
        self._made: dict[str, Arrays] = {}
        self._making: tuple[str, str] | None = None
        self._dataset: tuple[str, dict[str, LoadedPair]] = ("", {})

    def run(self, job: Job) -> JobResult:
        """Carries out one unit. What the network or the image raises is told, not raised."""
        network: Network | None = None
        if job.network is not None:
            built = self._built(job.network, job.identity)
            if isinstance(built, JobResult):
                return replace(built, wants_room=built.wants_room and job.crowded)
            network = built
        if self._making != (job.identity, job.digest):
            self._made, self._making = {}, (job.identity, job.digest)
        try:
            with undivided() if job.crowded else nullcontext():
                outcome = self._outcome(job, network)
        except UnfitNetwork as error:  # it would fail alike on every image
            built = JobResult(reason=str(error), of_network=True)
            self._network = (job.identity, built)
            return built
        except (Exception, SystemExit) as error:  # a network may raise anything, or leave
            if job.crowded and memory.has_run_out(error):
                return JobResult(reason=reason_of(error), wants_room=True)
            return JobResult(reason=reason_of(error), lasting=not isinstance(error, _Passing))
        finally:
            self._tidy()
        if job.unit.study in outcome.arrays:
            self._made[job.key] = outcome.arrays[job.unit.study]
        return JobResult(outcome)

    def read_ahead(self, job: Job) -> None:
        """Begins to read a job's image in a thread, ahead of `run`."""
        self._reading(job)

    def close(self) -> None:
        """Lets go of the network."""
        self._network = None
        gc.collect()
        heap.give_back()
        self._tidy(always=True)

    def _outcome(self, job: Job, network: Network | None) -> Outcome:
        pair = self._image(job)
        given = self._given(job)
        if network is not None and job.check is not None and not are_known(network):
            passes_of(network, job.unit.options, loaded(job.check.pair, self.settings.scale, job.check.crop))
        # what a network draws at random, and what it keeps from pass to pass, is the same for all units of it and an
        # image, whatever this worker has done before: a map is of the draw that the SR image is of
        seed = zlib.crc32(f"{job.identity} {job.digest}".encode())
        with drawn_from(seed, self.device), nullcontext() if network is None else preserved(network, parameters=False):
            outcome = study_named(job.unit.study).compute(network, pair, job.unit.options, given)
            chosen = {} if network is None else {WEIGHTS_KEY: network.weights_key, OUTPUT: network.output_taken}
        told = {key: value for key, value in chosen.items() if value is not None}
        return replace(outcome, values={**outcome.values, **told}) if told else outcome

    def _built(self, source: Source, identity: str) -> Network | JobResult:
        if self._network is None or self._network[0] != identity:
            self.close()  # before the next one is built: two may be more than memory holds
            self._network = (identity, self._build(source))
        return self._network[1]

    def _build(self, source: Source) -> Network | JobResult:
        try:
            network = build(source, device=self.device, trust=self.settings.trust)
        except (Exception, SystemExit) as error:
            return JobResult(reason=reason_of(error), of_network=True, wants_room=memory.has_run_out(error))
        if network.scale != self.settings.scale:
            told = f"the network is for scale {network.scale}, the study's is {self.settings.scale}"
            return JobResult(reason=told, of_network=True)
        return network

    def _image(self, job: Job) -> LoadedPair:
        loaded = self._reading(job).result()
        if loaded.digest != job.digest:
            raise _Passing("the image has changed since this run began; run again")
        return loaded

    def _reading(self, job: Job) -> Future[LoadedPair]:
        image = (job.unit.dataset, job.unit.image)
        return self._images.get(image, lambda: _in_thread(job.pair, self.settings.scale, job.crop))

    def _given(self, job: Job) -> Arrays | None:
        if job.unit.others:
            every = self._every(job)
            return {name: pair.lr for name, pair in every.items() if name != job.unit.image}
        if job.needs is None or job.given is not None:
            return job.given
        if job.needs not in self._made:
            raise _Passing(f"needs {job.unit.needs}, which failed")
        return self._made[job.needs]

    def _every(self, job: Job) -> dict[str, LoadedPair]:
        """The images of the job's dataset, in an order that hangs on their pixels alone."""
        if self._dataset[0] != job.unit.others:
            pairs = [pair.load(self.settings.scale, job.crop) for pair in job.others]
            if told_together(pair.digest for pair in pairs) != job.unit.others:
                raise _Passing("an image of the dataset has changed since this run began; run again")
            ordered = sorted(pairs, key=lambda pair: pair.digest)
            self._dataset = job.unit.others, {pair.name: replace(pair, hr=None) for pair in ordered}
        return self._dataset[1]

    def _tidy(self, always: bool = False) -> None:
        if self.device.type == "cuda" and (always or torch.cuda.memory_reserved(self.device) > _most(self.device)):
            torch.cuda.empty_cache()


def encoded(result: JobResult, crowded: bool = False) -> JobResult:
    """The same with its outcome as it will lie on disk, which is smaller to send; `crowded` as the job was."""
    if isinstance(result.outcome, Outcome):
        try:
            return replace(result, outcome=encode_outcome(result.outcome))
        except Exception as error:
            return JobResult(reason=reason_of(error), wants_room=crowded and memory.has_run_out(error))
    return result


def loaded(pair: ImagePair | LoadedPair, scale: int, crop: int | None) -> LoadedPair:
    """An image's pixels, read if they are not yet."""
    return pair if isinstance(pair, LoadedPair) else pair.load(scale, crop)


def _in_thread(pair: ImagePair | LoadedPair | None, scale: int, crop: int | None) -> Future[LoadedPair]:
    found: Future[LoadedPair] = Future()

    def read() -> None:
        try:
            work_alone()
            assert pair is not None
            found.set_result(loaded(pair, scale, crop))
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=read, daemon=True).start()
    return found


def _most(device: torch.device) -> int:
    """What a GPU's cache may keep between units: half of its memory."""
    total: Any = 0
    with suppress(RuntimeError):
        total = torch.cuda.get_device_properties(device).total_memory
    return int(total) // 2
