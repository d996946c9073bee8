"""A plan into records: each unit run once, each network loaded once a worker, a failure kept to its unit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from l2xbench.data.datasets import Dataset, ImagePair, LoadedPair
from l2xbench.errors import RequestError
from l2xbench.run.engines import Engine, InProcess
from l2xbench.run.plan import Plan, PlannedModel
from l2xbench.run.worker import IMAGES, Done, Job, Probe, choose_device, reason_of, settings_of
from l2xbench.store.damage import DamagedFile
from l2xbench.store.encoding import EncodedOutcome
from l2xbench.store.plan_on_disk import PlanOnDisk
from l2xbench.store.records import Failure, Records
from l2xbench.store.store import Store
from l2xbench.store.units import Arrays, GroupName, Outcome, Unit, key_of, short_digest
from l2xbench.store.writer import Writer
from l2xbench.studies.registry import all_studies, study_named
from l2xbench.system.inorder import in_order

__all__ = ["Failure", "Progress", "Result", "choose_device", "run"]

READERS = 4
"""Threads that read images before the first network runs."""


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

    def note(self, text: str) -> None:
        """Something that a reader of the results should know."""


@dataclass
class Result:
    """What a run gave."""

    records: Records
    """All that is done of the plan."""
    failures: list[Failure] = field(default_factory=list)
    """In the plan's order."""
    computed: int = 0
    reused: int = 0
    untried: int = 0
    """Those of the failures that an earlier run has left, and that were not tried again."""
    digests: dict[str, dict[str, str]] = field(default_factory=dict)
    """Dataset -> image -> digest of its pixels."""


def run(
    plan: Plan,
    store: Store,
    progress: Progress,
    engine: Engine | None = None,
    *,
    fresh: bool = False,
    retry_failed: bool = False,
    only: str | None = None,
    kept: Callable[[Unit], None] | None = None,
) -> Result:
    """Carries out every unit of `plan` that `store` does not hold yet.

    A unit that raises becomes a failure; the rest goes on.

    Args:
        plan: what is owed.
        store: where records go; its folder is this process's alone (`l2xbench.store.lock`).
        progress: told as it goes.
        engine: where units run; this process by default.
        fresh: forget what was done of this plan before.
        retry_failed: try again what failed before; by default it is told again, since it would fail alike.
        only: the one study that the plan is for.
        kept: told of each unit whose record was written, in the thread that wrote it.

    Raises:
        RequestError: weights do not fit their network, or the results cannot be written.
    """
    engine = engine or InProcess(settings_of(plan))
    work = _Run(plan, store, progress, engine, retry_failed, kept)
    try:
        if fresh:
            work.forget()
        return work.go(only)
    finally:
        work.writer.close()
        engine.close()


@dataclass
class _Images:
    """The readable images of a dataset."""

    dataset: Dataset
    pairs: list[ImagePair] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    pixels: dict[str, LoadedPair] = field(default_factory=dict)
    """Of the first images of a run that were read anew."""

    @property
    def names(self) -> list[str]:
        return [pair.name for pair in self.pairs]

    @property
    def shorts(self) -> list[str]:
        return [short_digest(digest) for digest in self.digests]


@dataclass(frozen=True)
class _Read:
    source: str
    digest: str
    loaded: LoadedPair | None
    """None where the image was known by its source."""


class _Run:
    def __init__(
        self,
        plan: Plan,
        store: Store,
        progress: Progress,
        engine: Engine,
        retry_failed: bool,
        kept: Callable[[Unit], None] | None,
    ) -> None:
        self.plan = plan
        self.store = store
        self.progress = progress
        self.engine = engine
        self.retry_failed = retry_failed
        self.kept = kept
        self.writer = Writer()
        self.images: list[_Images] = []
        self.identities: dict[str, str] = {}
        self.failures: list[tuple[tuple[int, ...], Failure]] = []
        self.counts: Counter[str] = Counter()
        self.touched: dict[GroupName, _Images] = {}
        self.inference: dict[str, str] = {}
        self.total = sum(len(dataset.pairs) for _, dataset in plan.groups())

    def forget(self) -> None:
        """Removes the plan's records, and those of what was made from them."""
        for name in {unit.group for unit, _ in self.plan.groups()}:
            self.store.forget(name)
        self.store.forget_all_but([study.name for study in all_studies()])

    def go(self, only: str | None) -> Result:
        """Images first, then network by network."""
        self.progress.start(self.total)
        for dataset in self.plan.datasets:
            self.images.append(self._read(dataset))
        for model in self.plan.models:
            self.progress.working(f"recognising {model.name}")
            self.identities[model.name] = model.source.identity()
        groups = self._groups()
        owed = PlanOnDisk(
            groups=[(unit.group, recipe) for unit, recipe in groups],
            images={images.dataset.name: (images.names, images.shorts) for images in self.images},
            unread={images.dataset.name: images.unread for images in self.images},
            study=self.plan.study.model_dump(mode="json"),
        )
        self.store.write_plan(owed, only)
        for job, done in self.engine.run(self._bundles(), self._fetch, self._begins):
            self._finish(job, done)
        self.writer.flush()
        for name, images in self.touched.items():
            self.store.compact(name, images.names)
        return Result(
            records=Records(self.store, owed.groups, owed.images),
            failures=[failure for _, failure in sorted(self.failures, key=lambda each: each[0])],
            computed=self.counts["computed"],
            reused=self.counts["reused"],
            untried=self.counts["untried"],
            digests={i.dataset.name: dict(zip(i.names, i.digests, strict=True)) for i in self.images},
        )

    def _groups(self) -> list[tuple[Unit, str]]:
        """Every group of the plan with its recipe."""
        return [(unit, unit.recipe(self.identities.get(unit.model, ""))) for unit, _ in self.plan.groups()]

    def _read(self, dataset: Dataset) -> _Images:
        """The digests of a dataset's images, and their records. What has been read before is not decoded again."""
        found = _Images(dataset)
        (unit,) = self.plan.image_groups(dataset)
        recipe, name = unit.recipe(""), unit.group
        self._compact(name, [pair.name for pair in dataset.pairs])
        known = self._known(name, recipe)
        scale, crop = self.plan.study.scale, self.plan.crop(dataset)

        def read(pair: ImagePair) -> _Read | Exception:
            try:
                source = pair.source(scale, crop)
                if (pair.name, source) in known:
                    return _Read(source, known[pair.name, source], None)
                loaded = pair.load(scale, crop)
                return _Read(source, loaded.digest, loaded)
            except Exception as error:
                return error

        for number, (pair, each) in enumerate(zip(dataset.pairs, in_order(read, dataset.pairs, READERS), strict=True)):
            self._take(found, unit, number, pair, each)
        return found

    def _known(self, name: GroupName, recipe: str) -> dict[tuple[str, str], str]:
        """(Image, what its files are told by) -> digest of its pixels, of images whose records are there."""
        group = self.store.rows(name)
        there = group.digests(recipe)
        found = group.columns(recipe, list(there), list(there.values()))
        if found is None or not {"source", "digest"} <= found[1].keys():
            return {}
        lacking = group.without_files(recipe, self.store.listings(self.total))
        rows = zip(found[0], found[1]["source"], found[1]["digest"], strict=True)
        return {(image, str(source)): str(digest) for image, source, digest in rows if image not in lacking}

    def _take(self, found: _Images, unit: Unit, number: int, pair: ImagePair, read: _Read | Exception) -> None:
        self.progress.working(f"reading {found.dataset.name} {pair.name}")
        unit = unit.at(pair.name)
        place = (-1, len(self.images), number)
        if isinstance(read, Exception):
            found.unread.append(pair.name)
            self._fail(place, unit, reason_of(read))
            self.progress.advance(self._per_image(found.dataset))
            return
        found.pairs.append(pair)
        found.digests.append(read.digest)
        if read.loaded is None:
            self.counts["reused"] += 1
            self.progress.advance(1, reused=True)
            return
        if self.engine.is_here and sum(len(images.pixels) for images in [*self.images, found]) < IMAGES:
            found.pixels[pair.name] = read.loaded
        made = study_named(unit.study).compute(None, read.loaded, unit.options, None)
        outcome = replace(made, values={**made.values, "source": read.source})
        self.touched[unit.group] = found
        self._write(unit, unit.key("", read.digest), outcome)

    def _per_image(self, dataset: Dataset) -> int:
        """Units of one image of a dataset."""
        return sum(1 for _, each in self.plan.groups() if each is dataset)

    def _bundles(self) -> Iterator[list[Job]]:
        for number, model in enumerate(self.plan.models):
            for at, images in enumerate(self.images):
                yield from self._of_model(model, number, images, at)

    def _of_model(self, model: PlannedModel, number: int, images: _Images, at: int) -> Iterator[list[Job]]:
        """What is left of a network and a dataset, image by image."""
        identity = self.identities[model.name]
        names, shorts = images.names, images.shorts
        owed: dict[int, list[tuple[int, Unit, str]]] = {}
        listings = self.store.listings(self.total)
        failed: dict[GroupName, dict[tuple[str, str], str]] = {}
        for order, unit in enumerate(self.plan.model_groups(model, images.dataset)):
            name, recipe = unit.group, unit.recipe(identity)
            self._compact(name, names)
            group = self.store.rows(name)
            there = group.digests(recipe)
            for image in group.without_files(recipe, listings):
                there.pop(image, None)
            left = [i for i, image in enumerate(names) if there.get(image) != shorts[i]]
            self.counts["reused"] += len(names) - len(left)
            self.progress.advance(len(names) - len(left), reused=True)
            failed[name] = {} if self.retry_failed else group.failures(recipe)
            for i in left:
                reason = failed[name].get((names[i], shorts[i]))
                if reason is None:
                    owed.setdefault(i, []).append((order, unit, recipe))
                    continue
                self.counts["untried"] += 1
                self.failures.append(((number, at, i, order), _failure(unit.at(names[i]), reason)))
                self.progress.advance(1)
        listings.drop()
        probe = self._probe()
        for i in sorted(owed):
            jobs = [
                Job(
                    unit=unit.at(names[i]),
                    key=key_of(recipe, shorts[i]),
                    place=(number, at, i, order),
                    network=model.source,
                    identity=identity,
                    pair=(images.pixels.get(names[i]) if self.engine.is_here else None) or images.pairs[i],
                    digest=images.digests[i],
                    crop=self.plan.crop(images.dataset),
                    probe=probe if "inference" in unit.options else None,
                )
                for order, unit, recipe in owed[i]
            ]
            bundle = self._with_needs(jobs, failed, shorts[i])
            if bundle:
                yield bundle

    def _probe(self) -> Probe | None:
        """The first image with HR, wherever the run goes on."""
        for images in self.images:
            for pair in images.pairs:
                if pair.hr is not None:
                    return Probe(pair, self.plan.crop(images.dataset))
        return None

    def _with_needs(
        self, jobs: list[Job], failed: dict[GroupName, dict[tuple[str, str], str]], digest: str
    ) -> list[Job]:
        """The jobs of a bundle with what they start from: on disk, made by one of them before, or else made again."""
        bundle: dict[str, Job] = {}
        for job in jobs:
            needed, key = job.unit.needs, job.needs
            if needed is None or key is None or key in bundle:
                bundle[job.key] = job
            elif (needed.image, digest) in failed.get(needed.group, {}):
                self._fail(job.place, job.unit, f"needs {needed}, which failed")
                self.progress.advance(1)
            else:
                given = self._on_disk(needed, key)
                if given is None:
                    bundle[key] = replace(job, unit=needed, key=key)
                bundle[job.key] = replace(job, given=given)
        return list(bundle.values())

    def _on_disk(self, unit: Unit, key: str) -> Arrays | None:
        """What a unit has left; None if it has to be done, again or for the first time."""
        record = self.store.find(unit, key)
        if record is None:
            return None
        try:
            return self.store.load_arrays(record.files[unit.study])
        except DamagedFile as error:
            self.progress.note(str(error))
            return None

    def _fetch(self, job: Job) -> Job:
        self.writer.flush()
        assert job.unit.needs is not None and job.needs is not None
        return replace(job, given=self._on_disk(job.unit.needs, job.needs))

    def _begins(self, job: Job) -> None:
        self.progress.working(str(job.unit))

    def _finish(self, job: Job, done: Done) -> None:
        if done.request:
            raise RequestError(done.reason)
        if done.outcome is None:
            self._fail(job.place, job.unit, done.reason)
            if done.lasting:
                self.touched[job.unit.group] = self.images[job.place[1]]
                self.writer.put(lambda: self.store.add_failure(job.unit, job.key, done.reason))
            self.progress.advance(1)
            return
        tile = done.outcome.values.get("tile")
        if tile is not None:
            self.progress.note(f"{job.unit}: out of memory; done in tiles of {tile} LR pixels")
        self._tell_passes(job.unit.model, str(done.outcome.values.get("inference", "")))
        self.touched[job.unit.group] = self.images[job.place[1]]
        self._write(job.unit, job.key, done.outcome)

    def _tell_passes(self, model: str, told: str) -> None:
        if told and model not in self.inference:
            self.inference[model] = told
            if told.startswith("plain: ") and model in self.plan.study.models:
                self.progress.note(f"{model}: inference is {told}")

    def _write(self, unit: Unit, key: str, outcome: Outcome | EncodedOutcome) -> None:
        def write() -> None:
            self.store.write_outcome(unit, key, outcome)
            if self.kept is not None:
                self.kept(unit)

        self.writer.put(write)
        self.counts["computed"] += 1
        self.progress.advance(1)

    def _compact(self, name: GroupName, order: list[str]) -> None:
        damaged = self.store.compact(name, order)
        if damaged:
            several = f"{damaged} damaged lines" if damaged > 1 else "a damaged line"
            self.progress.note(f"{' '.join(part for part in name if part)}: {several} of records; done again")

    def _fail(self, place: tuple[int, ...], unit: Unit, reason: str) -> None:
        failure = _failure(unit, reason)
        self.failures.append((place, failure))
        self.progress.failed(failure)


def _failure(unit: Unit, reason: str) -> Failure:
    return Failure(unit.study, unit.dataset, unit.model, unit.image, unit.label, reason)
