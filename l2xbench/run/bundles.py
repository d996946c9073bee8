"""What a run still owes, network by network and image by image."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import replace

from l2xbench.run.images import Images
from l2xbench.run.jobs import CheckImage, Job, Position
from l2xbench.run.ledger import Ledger
from l2xbench.run.plan import Plan, PlannedModel
from l2xbench.store.damage import DamagedFile
from l2xbench.store.store import Store
from l2xbench.store.units import Arrays, GroupName, Unit, key_of

Failed = dict[GroupName, dict[tuple[str, str], str]]
"""(Image, digest) -> reason, of each group."""


class BundleMaker:
    """Makes bundles one by one, when they are asked for: a large study's would not fit into memory at once."""

    def __init__(
        self,
        plan: Plan,
        store: Store,
        ledger: Ledger,
        images: Sequence[Images],
        identities: Mapping[str, str],
        *,
        unbuilt: Container[str],
        retry_failed: bool,
        units: int,
        with_pixels: Callable[[], bool],
    ) -> None:
        """For one run.

        Args:
            plan: of the run.
            store: what is done already.
            ledger: told of what was found done, or failed before.
            images: of each dataset.
            identities: of each network.
            unbuilt: names of networks that cannot be built; asked at each bundle, since it grows.
            retry_failed: whether what failed before is owed.
            units: how many the plan has.
            with_pixels: asked at each bundle whether images that have been read come with their pixels.
        """
        self._plan = plan
        self._store = store
        self._ledger = ledger
        self._images = images
        self._identities = identities
        self._unbuilt = unbuilt
        self._retry_failed = retry_failed
        self._units = units
        self._with_pixels = with_pixels

    def __iter__(self) -> Iterator[list[Job]]:
        for number, model in enumerate(self._plan.models):
            for at, images in enumerate(self._images):
                yield from self._of_model(model, number, images, at)

    def on_disk(self, unit: Unit, key: str) -> Arrays | None:
        """What a unit has left; None if it has to be done, again or for the first time."""
        record = self._store.find(unit, key)
        if record is None:
            return None
        try:
            return self._store.load_arrays(record.files[unit.study])
        except DamagedFile as error:
            self._ledger.progress.note(str(error))
            return None

    def _of_model(self, model: PlannedModel, number: int, images: Images, at: int) -> Iterator[list[Job]]:
        """What is left of a network and a dataset, image by image."""
        identity = self._identities[model.name]
        names, shorts = images.names, images.shorts
        owed: dict[int, list[tuple[int, Unit, str]]] = {}
        failed: Failed = {}
        listings = self._store.listings(self._units)
        for order, unit in enumerate(self._plan.model_groups(model, images.dataset)):
            name, recipe = unit.group, unit.recipe(identity)
            compact(self._store, name, names, self._ledger)
            rows = self._store.rows(name)
            there = rows.digests(recipe)
            for image in rows.without_files(recipe, listings):
                there.pop(image, None)
            left = [i for i, image in enumerate(names) if there.get(image) != shorts[i]]
            self._ledger.found(len(names) - len(left))
            failed[name] = {} if self._retry_failed else rows.failures(recipe)
            for i in left:
                reason = failed[name].get((names[i], shorts[i]))
                if reason is None:
                    owed.setdefault(i, []).append((order, unit, recipe))
                else:
                    self._ledger.not_tried(Position(number, at, i, order), unit.at(names[i]), reason)
        listings.drop()
        check = self._check_image()
        every = tuple(images.pairs)
        for i in sorted(owed):
            if model.name in self._unbuilt:
                self._ledger.passed_over(len(owed[i]))
                continue
            jobs = [
                Job(
                    unit=unit.at(names[i]),
                    key=key_of(recipe, shorts[i]),
                    position=Position(number, at, i, order),
                    network=model.source,
                    identity=identity,
                    pair=(images.pixels.get(names[i]) if self._with_pixels() else None) or images.pairs[i],
                    digest=images.digests[i],
                    crop=self._plan.crop(images.dataset),
                    check=check if "inference" in unit.options else None,
                    others=every if unit.others or (unit.needs is not None and unit.needs.others) else (),
                )
                for order, unit, recipe in owed[i]
            ]
            bundle = self._with_needs(jobs, failed, shorts[i])
            if bundle:
                yield bundle

    def _check_image(self) -> CheckImage | None:
        """The first image with HR, wherever the run goes on."""
        for images in self._images:
            for pair in images.pairs:
                if pair.hr is not None:
                    return CheckImage(pair, self._plan.crop(images.dataset))
        return None

    def _with_needs(self, jobs: list[Job], failed: Failed, digest: str) -> list[Job]:
        """The jobs of a bundle with what they start from: on disk, made by one of them before, or else made again."""
        bundle: dict[str, Job] = {}
        for job in jobs:
            needed, key = job.unit.needs, job.needs
            if needed is None or key is None or key in bundle:
                bundle[job.key] = job
            elif (needed.image, digest) in failed.get(needed.group, {}):
                self._ledger.failed(job.position, job.unit, f"needs {needed}, which failed")
            else:
                given = self.on_disk(needed, key)
                if given is None:
                    bundle[key] = replace(job, unit=needed, key=key)
                bundle[job.key] = replace(job, given=given)
        return list(bundle.values())


def compact(store: Store, name: GroupName, order: list[str], ledger: Ledger) -> None:
    """Puts a group's records in the order of the images; damaged ones are told, and done again."""
    damaged = store.compact(name, order)
    if damaged:
        several = f"{damaged} damaged lines" if damaged > 1 else "a damaged line"
        ledger.progress.note(f"{' '.join(part for part in name if part)}: {several} of records; done again")
