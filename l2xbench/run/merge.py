"""Whether results made in several places were measured alike, and the manifest of all of them together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from l2xbench.config import ModelEntry, StudyConfig
from l2xbench.errors import RequestError
from l2xbench.store.manifest import Manifest, ManifestDataset, ManifestSource
from l2xbench.store.records import Failure
from l2xbench.store.results import Results
from l2xbench.store.units import Unit
from l2xbench.studies.owed import is_for, owed_units
from l2xbench.version import __version__

_DECIDING = ("scale", "degrade", "seed", "inference")
"""Keys of a study outside its blocks that decide numbers, apart from what the images' digests tell."""


@dataclass(frozen=True)
class MergePart:
    """One command's results from one place."""

    place: str
    """What messages and tables call the place."""
    results: Results

    @property
    def manifest(self) -> Manifest:
        """What they were made from."""
        return self.results.manifest


@dataclass(frozen=True)
class Merged:
    """The parts together."""

    manifest: Manifest
    taken: Sequence[tuple[MergePart, Sequence[str]]]
    """Each part with those of its networks that are taken from it; '' stands for what is of an image alone."""


def merge(parts: Sequence[MergePart], command: str) -> Merged:
    """Joins the results of one study, made in several places for different networks.

    A network that several places have measured, the same to the last weight, is taken from the first.

    Args:
        parts: at least one; the first decides the title, the order, and what only changes how results are shown.
        command: the command line.

    Raises:
        RequestError: they were not measured alike: a line names the two places, the key and both values. Or records
            of a part are missing.
    """
    first = parts[0]
    for part in parts:
        _require_alike(first, part)
        _require_whole(part)
    taken = _taken(parts)
    manifest = _manifest(taken, command)
    lacking = [failure for part, names in taken for failure in _lacking(manifest, part, names)]
    return Merged(manifest.model_copy(update={"failures": (*manifest.failures, *lacking)}), taken)


def _require_whole(part: MergePart) -> None:
    if part.results.missing:
        raise RequestError(
            f"{part.place}: {part.results.missing} of its units of work have no record that counts (removed, damaged, "
            f"or made by another version: l2xbench {part.manifest.l2xbench} there, {__version__} here); give its "
            "command again with this version"
        )


def _require_alike(first: MergePart, other: MergePart) -> None:
    """Whether the other's records mean what the first's do."""
    unlike = [
        f"{key} is {_said(theirs, ours)}, there {_said(ours, theirs)}"
        for key, ours, theirs in _differences(first.manifest, other.manifest)
    ]
    if unlike:
        raise RequestError(f"{other.place}: measured otherwise than {first.place}: {'; '.join(unlike)}")
    here, there = first.manifest.datasets, other.manifest.datasets
    if here.keys() != there.keys():
        raise RequestError(
            f"{other.place}: measured on other images than {first.place}: datasets are {', '.join(there)}, there "
            f"{', '.join(here)}"
        )
    for name in here:
        _require_same_images(name, here[name], there[name], first.place, other.place)


def _differences(first: Manifest, other: Manifest) -> Iterator[tuple[str, Any, Any]]:
    """Keys of the two studies that decide what is measured and differ, the plainest first."""
    ours, theirs = (each.study.model_dump(mode="json") for each in (first, other))
    for key in _DECIDING:
        yield from _unlike(key, ours[key], theirs[key])
    # a study of one network owes nothing that compares networks
    models = {**other.study.models, **first.study.models}
    owed = [
        {(unit.study, unit.label): _options(unit) for unit in owed_units(_with_models(each.study, models), each.only)}
        for each in (first, other)
    ]
    if owed[0] == owed[1]:
        return
    blocks = [
        found
        for key in ours
        if key not in _DECIDING and isinstance(ours[key] or theirs[key], Mapping) and key not in ("models", "datasets")
        for found in _unlike(key, ours[key], theirs.get(key))
    ]
    if blocks:  # what these make of the units says the same again
        yield from blocks
        return
    for unit in sorted(owed[0].keys() | owed[1].keys()):
        yield from _unlike(" ".join(unit).strip(), owed[0].get(unit), owed[1].get(unit))


def _with_models(study: StudyConfig, models: Mapping[str, ModelEntry]) -> StudyConfig:
    return study.model_copy(update={"models": dict(models)})


def _unlike(key: str, ours: Any, theirs: Any) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(ours, Mapping) and isinstance(theirs, Mapping):
        for name in [*ours, *(name for name in theirs if name not in ours)]:
            yield from _unlike(f"{key}.{name}", ours.get(name), theirs.get(name))
    elif ours != theirs:
        yield key, ours, theirs


def _options(unit: Unit) -> dict[str, Any]:
    return {"options": dict(unit.options), "needs": None if unit.needs is None else _options(unit.needs)}


def _said(value: Any, other: Any) -> str:
    """A value in a line: of a block, whose keys mean nothing beside one that is off, that it is on."""
    if value is None:
        return "off"
    return "on" if other is None and isinstance(value, Mapping) else str(value)


def _require_same_images(name: str, ours: ManifestDataset, theirs: ManifestDataset, here: str, there: str) -> None:
    known, other = ours.images, theirs.images
    odd = [image for image in [*known, *other] if image not in known or image not in other]
    if odd:
        who, whom = (here, there) if odd[0] in known else (there, here)
        raise RequestError(
            f"{there}: measured on other images than {here}: datasets.{name}: '{odd[0]}' is in {who} and not in {whom} "
            f"({len(other)} and {len(known)} images)"
        )
    for image, digest in known.items():
        if other[image] != digest:
            raise RequestError(
                f"{there}: measured on other images than {here}: datasets.{name}: '{image}' has other pixels (another "
                "file, or its LR made or cut otherwise)"
            )


def _taken(parts: Sequence[MergePart]) -> list[tuple[MergePart, list[str]]]:
    """Whose records of which network are taken: those of the first that has it."""
    owner: dict[str, MergePart] = {}
    taken = []
    for part in parts:
        names = [] if owner else [""]
        interpolation = part.manifest.study.interpolation
        for name, model in part.manifest.models.items():
            if name not in owner:
                owner[name] = part
                names.append(name)
            # nothing of the interpolation is learned; its identity tells PyTorch's version
            elif name != interpolation and owner[name].manifest.models[name].identity != model.identity:
                raise RequestError(
                    f"{part.place}: models.{name}: other weights or code than in {owner[name].place} under this name "
                    f"({_about(part.manifest, name)}; there {_about(owner[name].manifest, name)}); one of the two "
                    "studies has to name it otherwise and be run again"
                )
        taken.append((part, names))
    return [(part, names) for part, names in taken if names]


def _about(manifest: Manifest, name: str) -> str:
    model = manifest.models[name]
    return f"{model.weights or model.card}, {model.identity[:12]}"


def _manifest(taken: Sequence[tuple[MergePart, Sequence[str]]], command: str) -> Manifest:
    first = taken[0][0].manifest
    manifests = [part.manifest for part, _ in taken]
    studied = {
        name: part.manifest.study.models[name]
        for part, names in taken
        for name in names
        if name in part.manifest.study.models
    }
    # nothing of it is ever run here; who runs a study again says anew whom he trusts
    study = first.study.model_copy(update={"models": studied, "trust": False})
    counts: dict[str, int] = {}
    for manifest in manifests:
        for what, count in manifest.units.items():
            counts[what] = counts.get(what, 0) + count
    threads = {manifest.threads for manifest in manifests}
    return Manifest(
        l2xbench=__version__,
        command=command,
        only=first.only,
        started=min(manifest.started for manifest in manifests),
        finished=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        seconds=round(sum(manifest.seconds for manifest in manifests), 1),
        python=_together([manifest.python for manifest in manifests]),
        platform=_together([manifest.platform for manifest in manifests]),
        versions={
            name: _together([manifest.versions.get(name, "none") for manifest in manifests])
            for name in dict.fromkeys(name for manifest in manifests for name in manifest.versions)
        },
        device=_together([manifest.device for manifest in manifests]),
        threads=threads.pop() if len(threads) == 1 else None,
        seed=first.seed,
        units=counts,
        failures=tuple(failure for part, names in taken for failure in part.results.failures if failure.model in names),
        models={name: part.manifest.models[name] for part, names in taken for name in names if name},
        inference={
            name: told for part, names in taken for name, told in part.manifest.inference.items() if name in names
        },
        datasets=first.datasets,
        sources=tuple(source for part, names in taken for source in _sources(part, names)),
        study=study,
    )


def _lacking(manifest: Manifest, part: MergePart, names: Sequence[str]) -> Iterator[Failure]:
    """What the merged study owes of a part's networks and the part's own study did not."""
    there = {(unit.study, unit.label) for unit in owed_units(part.manifest.study, part.manifest.only)}
    for unit in owed_units(manifest.study, manifest.only):
        if (unit.study, unit.label) in there:
            continue
        for model in names:
            for name, dataset in manifest.datasets.items():
                if is_for(unit, manifest.study, name, model):
                    told = f"not measured in {part.place}: a study of so few networks has no {unit.study}"
                    for image, digest in dataset.images.items():
                        if digest is not None:
                            yield Failure(unit.study, name, model, image, unit.label, told)


def _together(values: Sequence[str]) -> str:
    return "; ".join(dict.fromkeys(filter(None, values)))


def _sources(part: MergePart, names: Sequence[str]) -> Iterator[ManifestSource]:
    """Where a part's networks are from: the part itself, or, where it was merged before, those that it was made of."""
    manifest = part.manifest
    if manifest.sources:
        for source in manifest.sources:
            models = [name for name in source.models if name in names]
            if models:
                yield source.model_copy(update={"models": models})
        return
    yield ManifestSource(
        name=part.place,
        models=[name for name in names if name],
        l2xbench=manifest.l2xbench,
        command=manifest.command,
        finished=manifest.finished,
        device=manifest.device,
        threads=manifest.threads,
        python=manifest.python,
        platform=manifest.platform,
        versions=manifest.versions,
    )
