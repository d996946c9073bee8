"""A plan into records: each unit run once, each network loaded once, a failure kept to its unit."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import torch

from l2xbench.data.datasets import Dataset, ImagePair, LoadedPair
from l2xbench.errors import RequestError
from l2xbench.plan import Plan, PlannedModel, study_module
from l2xbench.store import Record, Store
from l2xbench.studies.base import Arrays, Unit
from l2xbench.zoo.load import build
from l2xbench.zoo.network import Network


@dataclass(frozen=True)
class Failure:
    """A unit that could not be done, and why."""

    study: str
    dataset: str
    model: str
    image: str
    label: str
    reason: str


class Progress(Protocol):
    """What the runner tells while it works."""

    def start(self, total: int) -> None:
        """`total` units are owed."""

    def working(self, what: str) -> None:
        """Now at `what`."""

    def advance(self, units: int, *, reused: bool = False) -> None:
        """So many units more are done, or were found done."""

    def failed(self, failure: Failure) -> None:
        """A unit failed."""


@dataclass
class Result:
    """What a run gave."""

    records: list[Record] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    computed: int = 0
    reused: int = 0
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    """Dataset -> image -> digest of its pixels."""


def choose_device(wanted: str) -> torch.device:
    """The device that a study names; `auto` is the first GPU, else the CPU.

    Raises:
        RequestError: there is no such device here.
    """
    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind = wanted.partition(":")[0]
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not here.get(kind):
        raise RequestError(f"device: '{wanted}' is not to be had here; use device: cpu or auto")
    return torch.device(wanted)


def run(plan: Plan, store: Store, progress: Progress) -> Result:
    """Carries out every unit of `plan` that `store` does not hold yet.

    A unit that raises becomes a failure; the rest goes on.
    """
    if plan.study.threads is not None:
        torch.set_num_threads(plan.study.threads)
    device = choose_device(plan.study.device)
    return _Run(plan, store, progress, device).go()


class _Run:
    def __init__(self, plan: Plan, store: Store, progress: Progress, device: torch.device) -> None:
        self.plan = plan
        self.store = store
        self.progress = progress
        self.device = device
        self.result = Result()
        self.bad_images: dict[tuple[str, str], str] = {}
        # one network's pass over a dataset reads each image once; large sets do not stay in memory
        self._load = lru_cache(maxsize=32)(self._decode)

    def go(self) -> Result:
        """Images first, then network by network."""
        self.progress.start(sum(1 for _ in self.plan.units()))
        for dataset, pair in self._pairs():
            self._inputs(dataset, pair)
        for model in self.plan.models:
            self._model(model)
        return self.result

    def _pairs(self) -> Iterator[tuple[Dataset, ImagePair]]:
        for dataset in self.plan.datasets:
            for pair in dataset.pairs:
                yield dataset, pair

    def _decode(self, dataset: Dataset, pair: ImagePair) -> LoadedPair:
        return pair.load(self.plan.study.scale, self.plan.crop(dataset))

    def _inputs(self, dataset: Dataset, pair: ImagePair) -> None:
        units = self.plan.image_units(dataset, pair)
        self.progress.working(f"reading {dataset.name} {pair.name}")
        try:
            loaded = self._load(dataset, pair)
        except Exception as error:
            self.bad_images[dataset.name, pair.name] = _reason(error)
            self._fail(Unit("inputs", 0, dataset.name, pair.name, ""), _reason(error))
            self.progress.advance(len(units))
            return
        self.result.digests.setdefault(dataset.name, {})[pair.name] = loaded.digest
        for unit in units:
            self._unit(unit, unit.key("", loaded.digest), None, dataset, pair)

    def _model(self, model: PlannedModel) -> None:
        """Everything of one network, which is built only if something is left to do and freed at the end."""
        identity = model.source.identity()
        network: Network | None = None
        broken: str | None = None
        for dataset, pair in self._pairs():
            units = self.plan.model_units(model, dataset, pair)
            if (dataset.name, pair.name) in self.bad_images:
                self.progress.advance(len(units))
                continue
            digest = self.result.digests[dataset.name][pair.name]
            for unit in units:
                key = unit.key(identity, digest)
                if self._reuse(unit, key):
                    continue
                if network is None and broken is None:
                    self.progress.working(f"loading {model.name}")
                    try:
                        network = self._build(model)
                    except RequestError:
                        raise  # the request names weights that do not fit: nothing to be gained by going on
                    except Exception as error:
                        broken = _reason(error)
                if broken is not None:
                    self._fail(unit, broken)
                    self.progress.advance(1)
                else:
                    needs = None if unit.needs is None else (unit.needs, unit.needs.key(identity, digest))
                    self._unit(unit, key, network, dataset, pair, known=True, needs=needs)
        del network
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    def _build(self, model: PlannedModel) -> Network:
        network = build(model.source, device=self.device, trust=self.plan.study.trust)
        if network.scale != self.plan.study.scale:
            raise RequestError(
                f"models.{model.name}: the network is for scale {network.scale}, the study's is {self.plan.study.scale}"
            )
        return network

    def _reuse(self, unit: Unit, key: str) -> bool:
        record = self.store.find(unit, key)
        if record is None:
            return False
        self.result.records.append(record)
        self.result.reused += 1
        self.progress.advance(1, reused=True)
        return True

    def _unit(
        self,
        unit: Unit,
        key: str,
        network: Network | None,
        dataset: Dataset,
        pair: ImagePair,
        known: bool = False,
        needs: tuple[Unit, str] | None = None,
    ) -> None:
        if not known and self._reuse(unit, key):
            return
        self.progress.working(str(unit))
        try:
            given = () if needs is None else (self._arrays(*needs),)
            outcome = study_module(unit.study).compute(network, self._load(dataset, pair), unit.options, *given)
        except Exception as error:
            self._fail(unit, _reason(error))
        else:
            self.result.records.append(self.store.keep(unit, key, outcome))
            self.result.computed += 1
        self.progress.advance(1)

    def _arrays(self, unit: Unit, key: str) -> Arrays:
        """What a unit that another one needs has left."""
        record = self.store.find(unit, key)
        if record is None:
            raise RequestError(f"needs {unit}, which failed")
        return self.store.load_arrays(record.files[unit.study])

    def _fail(self, unit: Unit, reason: str) -> None:
        failure = Failure(unit.study, unit.dataset, unit.model, unit.image, unit.label, reason)
        self.result.failures.append(failure)
        self.progress.failed(failure)


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or "no message"
    return text if isinstance(error, RequestError) else f"{type(error).__name__}: {text}"
