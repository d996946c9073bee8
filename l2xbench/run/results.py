"""What a results folder holds: its manifests, and the records that each describes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.run.manifest_files import manifest_files
from l2xbench.store.records import Failure, Records
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName, Unit, short_digest
from l2xbench.studies.owed import units_of
from l2xbench.studies.reading import parse_study

_NEEDED = ("l2xbench", "finished", "device", "threads", "seed", "models", "datasets", "study")


@dataclass(frozen=True)
class Run:
    """What one command has left."""

    name: str
    """Of the manifest's file."""
    manifest: Mapping[str, Any]
    records: Records
    """Group by group, in the order in which they were made."""
    failures: list[Failure]
    missing: int = 0
    """Units of the manifest without a record that did not fail: overwritten since, removed, or of another version."""

    @property
    def device(self) -> str:
        """Where it was measured, and with how many threads."""
        threads = self.manifest["threads"]
        return f"{self.manifest['device']}, {threads} thread{'' if threads == 1 else 's'}"

    @property
    def only(self) -> str | None:
        """The one study that the command was for; None for a whole run."""
        only = self.manifest.get("only")
        return None if only is None else str(only)


def read_runs(store: Store, but: str = "") -> list[Run]:
    """Every run of a results folder with the records that are there, the whole study's first; no network is loaded.

    Args:
        store: the folder.
        but: a manifest to leave out.

    Raises:
        RequestError: it is no results folder, or a manifest cannot be read.
    """
    return [read_run(store, path) for path in manifest_files(store.root) if path.name != but]


def read_run(store: Store, path: Path) -> Run:
    """The run of one manifest.

    A record counts if its key is that of the manifest's study, network and image, so that records which another run
    has left there since do not.

    Raises:
        RequestError: the manifest is not one of ours.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
    lacking = [key for key in _NEEDED if not isinstance(manifest, dict) or key not in manifest]
    if lacking:
        raise RequestError(f"{path}: not a manifest of l2xbench: it has no '{lacking[0]}'")
    study = parse_study(manifest["study"], str(path))
    try:
        _check_names(manifest, study)
        images = {name: _digests(entry) for name, entry in manifest["datasets"].items()}
        groups = [(unit.group, recipe) for unit, recipe in _groups(manifest, study)]
        names = {field.name for field in fields(Failure)}
        told = [Failure(**{name: str(entry[name]) for name in names}) for entry in manifest.get("failures", [])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RequestError(f"{path}: not a manifest of l2xbench ({type(error).__name__}: {error})") from None
    failed: dict[GroupName, set[str]] = {}
    for failure in told:
        failed.setdefault(failure.group, set()).add(failure.image)
    # an older manifest lacks the newer keys
    manifest["study"] = study.model_dump(mode="json")
    without: dict[GroupName, set[str]] = {}
    missing = 0
    for name, gone, done in _there(store, groups, images):
        if gone:
            without[name] = gone
        there = failed.get(name, set())
        missing += sum(image not in done and image not in there for image in images[name.dataset][0])
        there -= done  # what failed then may have been done since by another command
    failures = [failure for failure in told if failure.image in failed[failure.group]]
    return Run(path.name, manifest, Records(store, groups, images, without), failures, missing)


def _digests(entry: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """A dataset's images and what keys tell them by; an unreadable image has nothing."""
    known = {image: short_digest(digest) for image, digest in entry["images"].items() if digest is not None}
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


def _check_names(manifest: Mapping[str, Any], study: StudyConfig) -> None:
    """Names become parts of paths: a results folder from elsewhere must not reach outside itself."""
    for name in [*manifest["models"], *manifest["datasets"]]:
        if name not in (*study.models, *study.datasets, study.interpolation):
            raise ValueError(f"'{name}' is not in its study")
    for entry in manifest["datasets"].values():
        for image in entry["images"]:
            if Path(image).name != image or image == "..":
                raise ValueError(f"'{image}' is no image's name")


def _groups(manifest: Mapping[str, Any], study: StudyConfig) -> Iterator[tuple[Unit, str]]:
    """The groups of a manifest's units in the order in which they ran, with their recipes."""
    for dataset in manifest["datasets"]:
        for unit in units_of(study, dataset, "", only=manifest.get("only")):
            yield unit, unit.recipe("")
    for model, entry in manifest["models"].items():
        for dataset in manifest["datasets"]:
            for unit in units_of(study, dataset, "", model, manifest.get("only")):
                if "/" in unit.label:
                    raise ValueError(f"'{unit.label}' is no method's name")
                yield unit, unit.recipe(entry["identity"])


def all_failures(runs: Iterable[Run]) -> list[Failure]:
    """What failed in any of the runs, once."""
    return list(dict.fromkeys(failure for run in runs for failure in run.failures))
