"""A plan into records: each unit run once, each network loaded once a worker, a failure kept to its unit."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace

from l2xbench.data.datasets import Dataset, ImagePair
from l2xbench.errors import RequestError, reason_of
from l2xbench.run.bundles import BundleMaker, compact
from l2xbench.run.choice import settings_of
from l2xbench.run.engine import Engine
from l2xbench.run.images import Images, Reading, read_all
from l2xbench.run.in_process import InProcess
from l2xbench.run.jobs import Job, JobResult, Position
from l2xbench.run.ledger import Ledger
from l2xbench.run.plan import Plan, no_network
from l2xbench.run.progress import Progress
from l2xbench.run.worker import IMAGES
from l2xbench.store.encoding import EncodedOutcome
from l2xbench.store.plan_on_disk import PlanOnDisk
from l2xbench.store.records import Failure, Records
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName, Outcome, Unit
from l2xbench.store.writer import Writer
from l2xbench.studies.owed import told_together
from l2xbench.studies.registry import all_studies, study_named
from l2xbench.words import words


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
    on_record: Callable[[Unit], None] | None = None,
) -> Result:
    """Carries out every unit of `plan` that `store` does not hold yet.

    A unit that raises becomes a failure, and so does a network that cannot be built; the rest goes on.

    Args:
        plan: what is owed.
        store: where records go; its folder is this process's alone (`l2xbench.store.lock`).
        progress: told as it goes.
        engine: where units run; this process by default.
        fresh: forget what was done of this plan before.
        retry_failed: try again what failed before; by default it is told again, since it would fail alike.
        only: the one study that the plan is for.
        on_record: told of each unit whose record was written, in the thread that wrote it.

    Raises:
        RequestError: none of the networks can be built, or the results cannot be written.
    """
    engine = engine or InProcess(settings_of(plan))
    work = _Run(plan, store, Ledger(progress), engine, retry_failed, on_record)
    try:
        if fresh:
            work.forget()
        else:
            work.tell_other_threads(only)
        return work.go(only)
    finally:
        work.writer.close()
        engine.close()


class _Run:
    def __init__(
        self,
        plan: Plan,
        store: Store,
        ledger: Ledger,
        engine: Engine,
        retry_failed: bool,
        on_record: Callable[[Unit], None] | None,
    ) -> None:
        self.plan = plan
        self.store = store
        self.ledger = ledger
        self.progress = ledger.progress
        self.engine = engine
        self.retry_failed = retry_failed
        self.on_record = on_record
        self.writer = Writer()
        self.images: list[Images] = []
        self.identities: dict[str, str] = {}
        self.touched: dict[GroupName, Images] = {}
        self.inference: dict[str, str] = {}
        self.unbuilt: dict[str, str] = {}
        self.total = sum(len(dataset.pairs) for _, dataset in plan.groups())

    def forget(self) -> None:
        """Removes the plan's records, and those of what was made from them."""
        for name in {unit.group for unit, _ in self.plan.groups()}:
            self.store.forget(name)
        self.store.forget_all_but([study.name for study in all_studies()])

    def tell_other_threads(self, only: str | None) -> None:
        """Notes that the last run here had another number of threads."""
        with suppress(RequestError):  # a plan that cannot be read is written anew
            before = self.store.read_plan(only)
            begun = 1 if before is None else before.study.get("threads") or 1
            if before is not None and begun != self.engine.threads:
                self.progress.note(
                    f"threads: {self.engine.threads}, but the last run in this folder had {begun}, and sums in other "
                    "threads may round otherwise; --fresh does everything anew"
                )

    def go(self, only: str | None) -> Result:
        """Images first, then network by network."""
        self.progress.start(self.total)
        for unusable, reason in self.plan.unusable.items():
            self._leave_out(unusable, reason)
        for dataset in self.plan.datasets:
            self.images.append(self._read(dataset))
        told_by = {images.dataset.name: told_together(images.digests) for images in self.images}
        self.plan = replace(self.plan, told_by=told_by)
        for model in self.plan.models:
            self.progress.working(f"recognising {model.name}")
            self.identities[model.name] = model.source.identity(trust=self.plan.study.trust)
        owed = PlanOnDisk(
            groups=[(unit.group, unit.recipe(self.identities.get(unit.model, ""))) for unit, _ in self.plan.groups()],
            images={images.dataset.name: (images.names, images.shorts) for images in self.images},
            unread={images.dataset.name: images.unread for images in self.images},
            study=self.plan.study.model_dump(mode="json"),
        )
        self.store.write_plan(owed, only)
        self._work()
        if len(self.unbuilt) == len(self.plan.study.models):
            raise no_network(self.unbuilt)
        for name, images in self.touched.items():
            self.store.compact(name, images.names)
        return Result(
            records=Records(self.store, owed.groups, owed.images),
            failures=self.ledger.failures,
            computed=self.ledger.computed,
            reused=self.ledger.reused,
            untried=self.ledger.untried,
            digests={i.dataset.name: dict(zip(i.names, i.digests, strict=True)) for i in self.images},
        )

    def _read(self, dataset: Dataset) -> Images:
        """The digests of a dataset's images, and their records. What has been read before is not decoded again."""
        found = Images(dataset)
        (unit,) = self.plan.image_groups(dataset)
        recipe, name = unit.recipe(""), unit.group
        compact(self.store, name, [pair.name for pair in dataset.pairs], self.ledger)
        known = self._known(name, recipe)
        crop = self.plan.crop(dataset)
        for number, (pair, reading) in enumerate(read_all(dataset, known, self.plan.study.scale, crop)):
            self._take(found, unit, number, pair, reading)
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

    def _take(self, found: Images, unit: Unit, number: int, pair: ImagePair, reading: Reading | Exception) -> None:
        self.progress.working(f"reading {found.dataset.name} {pair.name}")
        unit = unit.at(pair.name)
        if isinstance(reading, Exception):
            found.unread.append(pair.name)
            owed = sum(1 for _, each in self.plan.groups() if each is found.dataset)
            self.ledger.failed(Position(-1, len(self.images), number, 0), unit, reason_of(reading), units=owed)
            return
        found.pairs.append(pair)
        found.digests.append(reading.digest)
        if reading.loaded is None:
            self.ledger.found(1)
            return
        if self.engine.is_here and sum(len(images.pixels) for images in [*self.images, found]) < IMAGES:
            found.pixels[pair.name] = reading.loaded
        made = study_named(unit.study).compute(None, reading.loaded, unit.options, None)
        outcome = replace(made, values={**made.values, "source": reading.source})
        self.touched[unit.group] = found
        self._write(unit, unit.key("", reading.digest), outcome)

    def _work(self) -> None:
        """Everything that a network is run for."""
        bundles = BundleMaker(
            self.plan,
            self.store,
            self.ledger,
            self.images,
            self.identities,
            unbuilt=self.unbuilt,
            retry_failed=self.retry_failed,
            units=self.total,
            with_pixels=lambda: self.engine.is_here,
        )

        def refill(job: Job) -> Job:
            self.writer.flush()
            assert job.unit.needs is not None and job.needs is not None
            return replace(job, given=bundles.on_disk(job.unit.needs, job.needs))

        def on_start(job: Job) -> None:
            self.progress.working(str(job.unit))

        for job, result in self.engine.run(iter(bundles), refill, on_start):
            self._finish(job, result)
        self.writer.flush()

    def _finish(self, job: Job, result: JobResult) -> None:
        if result.of_network:
            self._leave_out(job.unit.model, result.reason)
            self.ledger.passed_over(1)
            return
        if result.outcome is None:
            self.ledger.failed(job.position, job.unit, result.reason)
            if result.lasting:
                self.touched[job.unit.group] = self.images[job.position.dataset]
                self.writer.put(lambda: self.store.add_failure(job.unit, job.key, result.reason))
            return
        self._tell(job.unit, result.outcome)
        self.touched[job.unit.group] = self.images[job.position.dataset]
        self._write(job.unit, job.key, result.outcome)

    def _leave_out(self, model: str, reason: str) -> None:
        """A network that cannot be built fails alone, and is told at once."""
        if model not in self.unbuilt:
            self.unbuilt[model] = reason
            place = list(self.plan.study.models).index(model) + 1
            last = len(self.unbuilt) == len(self.plan.study.models)  # the error that ends the run tells of all
            self.ledger.network_failed(Position(place, -1, -1, -1), model, reason, told=not last)

    def _tell(self, unit: Unit, outcome: Outcome | EncodedOutcome) -> None:
        """Notes what a reader should know of how a unit was carried out."""
        tile, batch = outcome.values.get("tile"), outcome.values.get("batch")
        if tile is not None:
            self.progress.note(
                f"{unit}: out of memory; done in tiles of {tile} {words(self.plan.study.scale).lr} pixels"
            )
        if batch is not None:
            self.progress.note(f"{unit}: out of memory; done in batches of {batch}, which may round otherwise")
        told = str(outcome.values.get("inference", ""))
        if told and unit.model not in self.inference:
            self.inference[unit.model] = told
            if told.startswith("plain: ") and unit.model in self.plan.study.models:
                self.progress.note(f"{unit.model}: inference is {told}")

    def _write(self, unit: Unit, key: str, outcome: Outcome | EncodedOutcome) -> None:
        def write() -> None:
            self.store.write_outcome(unit, key, outcome)
            if self.on_record is not None:
                self.on_record(unit)

        self.writer.put(write)
        self.ledger.done()
