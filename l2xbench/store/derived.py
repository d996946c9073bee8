"""Files that are made from records, figures and the page's data: kept under a key, and made only where that differs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from l2xbench.store.records import Record
from l2xbench.store.store import Store
from l2xbench.store.units import Unit


@dataclass(frozen=True)
class DerivedFiles:
    """Files that belong together (a figure as PNG and as PDF), and all that decides what is in them."""

    kind: str
    """What they are, such as `figure`: their records lie in a folder of this name."""
    version: int
    """The version of the code that makes them; a new one makes what is kept stale."""
    name: str
    """Tells them from others of this kind, dataset and label: a figure's own name, or that of the image shown."""
    paths: Mapping[str, str]
    """What (`png`, `pdf`, ...) -> path below the results folder."""
    decided_by: Mapping[str, Any]
    """All that decides their contents: keys of records, options, titles. It must be fit for JSON."""
    dataset: str = ""
    label: str = ""
    image_digest: str = ""
    """The key or digest of the image that they show, if they show one."""

    @cached_property
    def unit(self) -> Unit:
        """What their record is kept under, as if making them were a piece of work like others."""
        return Unit(self.kind, self.version, self.dataset, self.name, "", self.label, self.decided_by)

    @cached_property
    def key(self) -> str:
        """One string for all of the above but the paths."""
        return self.unit.key("", self.image_digest)


def figure_paths(name: str) -> dict[str, str]:
    """Where a figure of this name lies below the results folder: its PNG and its PDF."""
    return {ending: f"figures/{name}.{ending}" for ending in ("png", "pdf")}


def find_derived(store: Store, files: DerivedFiles) -> Record | None:
    """The record of these files, if they are all there, whole and of this key; None if they have to be made."""
    record = store.find(files.unit, files.key)
    return record if record is not None and record.files == files.paths else None


def write_derived(store: Store, files: DerivedFiles, contents: Mapping[str, bytes]) -> Record:
    """Writes these files, each whole or not at all, then their record.

    Args:
        store: where they go.
        files: what they are.
        contents: what -> the file's bytes, one for each of `files.paths`.

    Raises:
        RequestError: they cannot be written (a full disk); nothing of them counts then.
    """
    return store.write_files(files.unit, files.key, {what: (files.paths[what], contents[what]) for what in contents})


def make_unless_kept(store: Store, files: DerivedFiles, make: Callable[[], Mapping[str, bytes]]) -> Record:
    """The record of these files, which `make` is asked for only where they are not kept under this key.

    Errors as in `write_derived`, and whatever `make` raises.
    """
    return find_derived(store, files) or write_derived(store, files, make())
