"""What carries out units: it holds one network and a few images, and knows nothing of where results are kept."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import torch

from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.errors import RequestError
from l2xbench.run.plan import Plan
from l2xbench.store.encoding import EncodedOutcome, encode_outcome
from l2xbench.store.units import Arrays, Outcome, Unit
from l2xbench.studies.registry import study_named
from l2xbench.studies.shared.passes import are_known, passes_of
from l2xbench.system import heap
from l2xbench.system.threads import work_alone
from l2xbench.zoo.load import Source, build
from l2xbench.zoo.network import Network

IMAGES = 32
"""Images that a worker holds: those that come again for the next network, if there are no more."""


@dataclass(frozen=True)
class Settings:
    """What is the same for all units of a run."""

    scale: int
    device: str
    threads: int | None
    trust: bool


def choose_device(wanted: str) -> torch.device:
    """The device that a study names; `auto` is the first GPU, else the CPU.

    Raises:
        RequestError: there is no such device here.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = wanted.partition(":")
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not here.get(kind) or (index and int(index) >= torch.cuda.device_count()):
        raise RequestError(f"device: '{wanted}' is not to be had here; use device: cpu or auto")
    return torch.device(wanted)


def forbid_tf32() -> None:
    """Full float32 on GPUs: TF32's 10 bits of mantissa are too few for differences; a forward pass gains little."""
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False


def settings_of(plan: Plan) -> Settings:
    """What every worker of a plan is told; errors as of `choose_device`."""
    study = plan.study
    return Settings(study.scale, str(choose_device(study.device)), study.threads, study.trust)


@dataclass(frozen=True)
class Probe:
    """An image, the same for every worker of a run."""

    pair: ImagePair | LoadedPair
    crop: int | None


@dataclass(frozen=True)
class Job:
    """A unit and all that a worker needs for it."""

    unit: Unit
    key: str
    place: tuple[int, ...]
    """Of the unit in the plan's order."""
    network: Source | None
    identity: str
    """Of the network."""
    pair: ImagePair | LoadedPair | None
    digest: str
    """Of the image's pixels."""
    crop: int | None
    probe: Probe | None = None
    """The image that decides on quicker passes, where the study asks for them."""
    given: Arrays | None = None
    """What the unit starts from, if it is on disk; else an earlier unit of the same worker has made it."""

    @property
    def needs(self) -> str | None:
        """The key of the unit that this one starts from."""
        return None if self.unit.needs is None else self.unit.needs.key(self.identity, self.digest)


@dataclass(frozen=True)
class Done:
    """What came of a job."""

    outcome: Outcome | EncodedOutcome | None = None
    reason: str = ""
    """Why there is no outcome."""
    request: bool = False
    """The reason concerns the whole request: weights that do not fit."""
    lasting: bool = True
    """It would fail alike if it were tried again."""


class _Passing(RequestError):
    """What says nothing of the unit itself."""


class Worker:
    """Carries out jobs, one after the other; a network is built when the first job needs it, and freed at the next."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.device = torch.device(settings.device)
        heap.keep_freed()
        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        forbid_tf32()
        self._network: tuple[str, Network | Done] | None = None
        self._images: OrderedDict[tuple[str, str], Future[LoadedPair]] = OrderedDict()
        self._made: dict[str, Arrays] = {}
        self._making: tuple[str, str] | None = None

    def run(self, job: Job) -> Done:
        """Carries out one unit. What the network or the image raises is told, not raised."""
        network: Network | None = None
        if job.network is not None:
            built = self._built(job.network, job.identity, job.unit.model)
            if isinstance(built, Done):
                return built
            network = built
        if self._making != (job.identity, job.digest):
            self._made, self._making = {}, (job.identity, job.digest)
        try:
            pair = self._image(job)
            given = self._given(job)
            if network is not None and job.probe is not None and not are_known(network):
                passes_of(network, job.unit.options, loaded(job.probe.pair, self.settings.scale, job.probe.crop))
            outcome = study_named(job.unit.study).compute(network, pair, job.unit.options, given)
        except (Exception, SystemExit) as error:  # a network may raise anything, or leave
            return Done(reason=reason_of(error), lasting=not isinstance(error, _Passing))
        finally:
            self._tidy()
        if job.unit.study in outcome.arrays:
            self._made[job.key] = outcome.arrays[job.unit.study]
        return Done(outcome)

    def fetch(self, job: Job) -> None:
        """Begins to read a job's image in a thread, ahead of `run`."""
        self._reading(job)

    def close(self) -> None:
        """Lets go of the network."""
        self._network = None
        gc.collect()
        heap.give_back()
        self._tidy(always=True)

    def _built(self, source: Source, identity: str, name: str) -> Network | Done:
        if self._network is None or self._network[0] != identity:
            self.close()  # before the next one is built: two may be more than memory holds
            self._network = (identity, self._build(source, name))
        return self._network[1]

    def _build(self, source: Source, name: str) -> Network | Done:
        try:
            network = build(source, device=self.device, trust=self.settings.trust)
        except RequestError as error:
            return Done(reason=str(error), request=True)
        except (Exception, SystemExit) as error:
            return Done(reason=reason_of(error))
        if network.scale != self.settings.scale:
            told = f"the network is for scale {network.scale}, the study's is {self.settings.scale}"
            return Done(reason=f"models.{name}: {told}", request=True)
        return network

    def _image(self, job: Job) -> LoadedPair:
        loaded = self._reading(job).result()
        if loaded.digest != job.digest:
            raise _Passing("the image has changed since this run began; run again")
        return loaded

    def _reading(self, job: Job) -> Future[LoadedPair]:
        place = (job.unit.dataset, job.unit.image)
        if place in self._images:
            self._images.move_to_end(place)
        else:
            self._images[place] = _in_thread(job.pair, self.settings.scale, job.crop)
            while len(self._images) > IMAGES:
                self._images.popitem(last=False)
        return self._images[place]

    def _given(self, job: Job) -> Arrays | None:
        if job.needs is None or job.given is not None:
            return job.given
        if job.needs not in self._made:
            raise _Passing(f"needs {job.unit.needs}, which failed")
        return self._made[job.needs]

    def _tidy(self, always: bool = False) -> None:
        if self.device.type == "cuda" and (always or torch.cuda.memory_reserved(self.device) > _most(self.device)):
            torch.cuda.empty_cache()


def encoded(done: Done) -> Done:
    """The same with its outcome as it will lie on disk, which is smaller to send."""
    if isinstance(done.outcome, Outcome):
        try:
            return replace(done, outcome=encode_outcome(done.outcome))
        except Exception as error:
            return Done(reason=reason_of(error))
    return done


def reason_of(error: BaseException) -> str:
    """An error in one line."""
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, RequestError) else f"{type(error).__name__}: {text}"


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
