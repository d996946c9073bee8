"""What a results folder holds: its manifests, and the records that each describes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from l2xbench.errors import RequestError, message_of
from l2xbench.run.manifest_files import manifest_files
from l2xbench.store.manifest import Manifest, ManifestDataset
from l2xbench.store.records import Failure, Records
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName, Unit, short_digest
from l2xbench.studies.owed import is_for, owed_units, placed, told_together, with_others
from l2xbench.studies.reading import config_model, parse_study
from l2xbench.validation import parse


def read_runs(store: Store, but: str = "") -> list[Results]:
    """Every run of a results folder with the records that are there, the whole study's first; no network is loaded.

    Args:
        store: the folder.
        but: a manifest to leave out.

    Raises:
        RequestError: it is no results folder, or a manifest cannot be read.
    """
    return [read_run(store, path) for path in manifest_files(store.root) if path.name != but]


def read_run(store: Store, path: Path) -> Results:
    """The run of one manifest.

    A record counts if its key is that of the manifest's study, network and image, so that records which another run
    has left there since do not.

    Raises:
        RequestError: the manifest is not one of ours.
    """
    manifest = _read_manifest(path)
    try:
        _check_names(manifest)
        images = {name: _digests(dataset) for name, dataset in manifest.datasets.items()}
        groups = [(unit.group, recipe) for unit, recipe in _groups(manifest)]
    except ValueError as error:
        raise RequestError(f"{path}: not a manifest of l2xbench ({error})") from None
    failed: dict[GroupName, set[str]] = {}
    for failure in manifest.failures:
        failed.setdefault(failure.group, set()).add(failure.image)
    without: dict[GroupName, set[str]] = {}
    unbuilt = {failure.model for failure in manifest.failures if not failure.image}
    missing = 0
    for name, gone, done in _there(store, groups, images):
        if gone:
            without[name] = gone
        there = failed.get(name, set())
        if name.model in unbuilt:
            continue  # one failure tells of all its units
        missing += sum(image not in done and image not in there for image in images[name.dataset][0])
        there -= done  # what failed then may have been done since by another command
    failures = [failure for failure in manifest.failures if failure.image in failed[failure.group]]
    return Results(store, path.name, manifest, Records(store, groups, images, without), failures, missing)


def _read_manifest(path: Path) -> Manifest:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: cannot be read ({message_of(error)})") from None
    told = f"{path}: not a manifest of l2xbench"
    if not isinstance(data, dict) or "study" not in data:
        raise RequestError(f"{told}: it has no 'study'")
    blocks = data["study"] if isinstance(data["study"], dict) else {}
    absent = [key for key in blocks if key not in config_model().model_fields]
    if absent:
        raise RequestError(f"{path}: no study that is installed has the block '{absent[0]}'")
    return parse(Manifest, {**data, "study": parse_study(data["study"], str(path))}, told)


def _digests(dataset: ManifestDataset) -> tuple[list[str], list[str]]:
    """A dataset's images and what keys tell them by; an unreadable image has nothing."""
    known = {image: short_digest(digest) for image, digest in dataset.images.items() if digest is not None}
    return list(known), list(known.values())


def _there(
    store: Store, groups: list[tuple[GroupName, str]], images: Mapping[str, tuple[list[str], list[str]]]
) -> Iterator[tuple[GroupName, set[str], set[str]]]:
    """Each group, the images whose files are gone, and those that are done."""
    listings = store.listings(sum(len(images[name.dataset][0]) for name, _ in groups))
    last: tuple[str, str] | None = None
    for name, recipe in groups:
        if (name.model, name.dataset) != last:
            listings.drop()  # no folder is of two networks or datasets
            last = name.model, name.dataset
        group = store.rows(name)
        gone = group.without_files(recipe, listings)
        known = group.digests(recipe)
        rows = zip(*images[name.dataset], strict=True)
        done = {image for image, digest in rows if known.get(image) == digest and image not in gone}
        yield name, gone, done


def _check_names(manifest: Manifest) -> None:
    """Names become parts of paths: a results folder from elsewhere must not reach outside itself."""
    study = manifest.study
    for name in [*manifest.models, *manifest.datasets]:
        if name not in (*study.models, *study.datasets, study.interpolation):
            raise ValueError(f"'{name}' is not in its study")
    for dataset in manifest.datasets.values():
        for image in dataset.images:
            if Path(image).name != image or image == "..":
                raise ValueError(f"'{image}' is no image's name")


def _groups(manifest: Manifest) -> Iterator[tuple[Unit, str]]:
    """The groups of a manifest's units in the order in which they ran, with their recipes."""
    owed = owed_units(manifest.study, manifest.only)
    told_by = {
        name: told_together(digest for digest in dataset.images.values() if digest is not None)
        for name, dataset in manifest.datasets.items()
    }
    for model, identity in {"": "", **{name: each.identity for name, each in manifest.models.items()}}.items():
        for dataset in manifest.datasets:
            for unit in owed:
                if not is_for(unit, manifest.study, dataset, model):
                    continue
                if "/" in unit.label:
                    raise ValueError(f"'{unit.label}' is no method's name")
                placed_unit = with_others(placed(unit, dataset, "", model), told_by[dataset])
                yield placed_unit, placed_unit.recipe(identity)


def newest_first(runs: Iterable[Results]) -> list[Results]:
    """Runs by the time when they were done: what a study shows is of the first of them that has any."""
    return sorted(runs, key=lambda run: run.manifest.finished, reverse=True)


def all_failures(runs: Iterable[Results]) -> list[Failure]:
    """What failed in any of the runs, once."""
    return list(dict.fromkeys(failure for run in runs for failure in run.failures))
