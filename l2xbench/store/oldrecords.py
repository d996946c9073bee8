"""Records of the form before journals, one JSON file a unit: those that are still right are taken over, once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from l2xbench.store.store import Store
from l2xbench.store.units import Unit


def are_here(root: Path) -> bool:
    """Whether a results folder holds records of that form alone: no run of a later version has been here."""
    return not Store(root).has_plan() and next((root / "records").glob("*/*/**/*.json"), None) is not None


def take_over(store: Store, unit: Unit, network: str, images: Iterable[tuple[str, str]]) -> int:
    """Takes the old records of a group's units into its journal, and removes their files.

    Args:
        store: the results folder.
        unit: of the group, of any image.
        network: the network's identity.
        images: names and digests of the images wanted.

    Returns:
        how many were taken. A record of another key is left where it is: its unit is done again, and its own command
        may still want it.
    """
    folder = store.root / "records" / unit.study / unit.dataset / unit.model
    if not folder.is_dir() or next(folder.glob("*.json"), None) is None:
        return 0
    taken = 0
    for image, digest in images:
        each = unit.at(image)
        path = folder / (f"{image}.{unit.label}.json" if unit.label else f"{image}.json")
        body = _read(path)
        if body is None or body["key"] != _key(each, network, digest):
            continue
        files, sizes = body["files"], body["sizes"]
        if all(_size(store.root / file) == sizes[what] for what, file in files.items()):
            store.keep_files(each, each.key(network, digest), files, body["values"])
            path.unlink()
            taken += 1
    return taken


def _key(unit: Unit, network: str, digest: str) -> str:
    parts = [unit.study, unit.version, unit.label, dict(unit.options), network, digest]
    if unit.needs is not None:
        parts.append(_key(unit.needs, network, digest))
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _read(path: Path) -> dict | None:
    try:
        body = json.loads(path.read_text())
        checksum = body.pop("checksum")
        whole = checksum == hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        return body if whole and {"key", "values", "files", "sizes"} <= body.keys() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1
