"""What a results folder holds: its manifests, and the records that each describes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from l2xbench.config import Study
from l2xbench.errors import RequestError
from l2xbench.plan import BICUBIC, STUDIES, STUDIES_OF, units_of
from l2xbench.report.manifests import manifest_files
from l2xbench.runner import Failure
from l2xbench.store import Record, Store
from l2xbench.studies.base import Unit
from l2xbench.validation import parse

_NEEDED = ("l2xbench", "finished", "device", "threads", "seed", "models", "datasets", "study")


@dataclass(frozen=True)
class Run:
    """What one command has left."""

    name: str
    """Of the manifest's file."""
    manifest: Mapping[str, Any]
    records: list[Record]
    """In the order in which they were made."""
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
    study = parse(Study, manifest["study"], str(path))
    records, owed = [], {}
    try:
        _check_names(manifest, study)
        for unit, key in _units(manifest, study):
            record = store.find(unit, key)
            if record is None or not all(map(_is_inside, record.files.values())):
                owed[unit.study, unit.dataset, unit.model, unit.image, unit.label] = key
            else:
                records.append(record)
        names = {field.name for field in fields(Failure)}
        told = [Failure(**{name: str(entry[name]) for name in names}) for entry in manifest.get("failures", [])]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RequestError(f"{path}: not a manifest of l2xbench ({type(error).__name__}: {error})") from None
    # what failed then may have been done since by another command
    there = {(r.study, r.dataset, r.model, r.image, r.label) for r in records}
    failures = [f for f in told if (f.study, f.dataset, f.model, f.image, f.label) not in there]
    failed = {(f.study, f.dataset, f.model, f.image, f.label) for f in failures}
    # an older manifest lacks the newer keys
    manifest["study"] = study.model_dump(mode="json")
    return Run(path.name, manifest, records, failures, missing=len(owed.keys() - failed))


def _check_names(manifest: Mapping[str, Any], study: Study) -> None:
    """Names become parts of paths: a results folder from elsewhere must not reach outside itself."""
    for name in [*manifest["models"], *manifest["datasets"]]:
        if name not in (*study.models, *study.datasets, BICUBIC):
            raise ValueError(f"'{name}' is not in its study")
    for entry in manifest["datasets"].values():
        for image in entry["images"]:
            if not _is_inside(image) or Path(image).name != image:
                raise ValueError(f"'{image}' is no image's name")


def _is_inside(path: str) -> bool:
    return not Path(path).is_absolute() and ".." not in Path(path).parts


def _units(manifest: Mapping[str, Any], study: Study) -> Iterator[tuple[Unit, str]]:
    """The units of a manifest in the order in which they ran, with their keys; an unreadable image has none."""
    images = [
        (dataset, image, digest)
        for dataset, entry in manifest["datasets"].items()
        for image, digest in entry["images"].items()
        if digest is not None
    ]
    for dataset, image, digest in images:
        for unit in units_of(study, dataset, image):
            yield unit, unit.key("", digest)
    chosen = STUDIES_OF.get(manifest.get("only") or "", STUDIES)
    for model, entry in manifest["models"].items():
        studies = ("restoration",) if model == BICUBIC else chosen
        for dataset, image, digest in images:
            for unit in units_of(study, dataset, image, model, studies):
                yield unit, unit.key(entry["identity"], digest)


def all_failures(runs: Iterable[Run]) -> list[Failure]:
    """What failed in any of the runs, once."""
    return list(dict.fromkeys(failure for run in runs for failure in run.failures))
