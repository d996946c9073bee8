"""Whether a study may leave its results in a folder: one folder holds one study, and nothing but results."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from l2xbench.errors import RequestError
from l2xbench.store.paths import CROPS, RECORDS

BESIDE = {".yaml", ".yml", ".md", ".txt", ".log", ".out", ".err", ".sh", ".slurm"}
"""Endings of what people keep beside results: the study itself, a log of the run."""


def require_own(root: Path, study: str) -> None:
    """Refuses a folder with the results of another study, which would be mixed, and one with what are no results.

    Args:
        root: the results folder, which need not be there yet.
        study: the study's name.

    Raises:
        RequestError: the results are of another study, or the folder holds other files.
    """
    if not root.is_dir():
        return  # a file in its place is told where the folder is made
    found = study_of(root)
    if found is not None and found != study:
        raise RequestError(
            f"{root}: holds the study '{found}', and this is '{study}': choose another folder with --out, or remove "
            f"{root} if it is no longer wanted"
        )
    if found is None and not (root / RECORDS).is_dir():
        others = sorted(path.name for path in root.iterdir() if not _is_beside(path))
        if others:
            raise RequestError(
                f"{root}: holds what are no results of l2xbench ({_some(others)}): choose a new folder with --out"
            )


def study_of(root: Path) -> str | None:
    """The name of the study whose results a folder holds, those of a run that has not finished too; None if unknown."""
    for path in [root / "manifest.json", *sorted(root.glob("manifest-*.json")), *_plans(root)]:
        with suppress(OSError, ValueError, KeyError, TypeError):
            return str(json.loads(path.read_text(encoding="utf-8"))["study"]["study"])
    return None


def _plans(root: Path) -> list[Path]:
    return sorted((root / RECORDS).glob("plan*.json"))


def _is_beside(path: Path) -> bool:
    return path.name.startswith(".") or path.name == CROPS or (path.is_file() and path.suffix.lower() in BESIDE)


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
