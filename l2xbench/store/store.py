"""The results folder: the only code that writes results.

A finished unit is one record, beside the images and arrays that it names. The records of a group of units (of one
study, dataset, network and label) are rows of one journal (`l2xbench.store.journal`; `l2xbench.store.paths` says where
it lies). The row is appended and synchronised last, after the files, each of which is written whole or not at all. So a
run that is stopped at any moment, by a kill, a power cut or a full disk, has lost at most the units that were under
way. A row carries the key of all that decided its result; a row of another key is stale, and its unit is done again.

Why journals: one JSON file a unit, the form before, is too slow for the ten million units of a large study (see
`python scripts/simulate_scale.py`, which prints what the store takes); a journal gives a thousand units in one read.
SQLite would take a step a row, its write-ahead log is not for the network file systems on which clusters keep results,
and a damaged page takes other rows with it. Parquet is a dependency of 40 MB whose files nothing can be appended to.
Here damage stays within a line, and a reader needs nothing but JSON.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2xbench.errors import RequestError
from l2xbench.store import journal
from l2xbench.store.damage import read_npz, read_png
from l2xbench.store.encoding import EncodedOutcome, encode_outcome
from l2xbench.store.extract import Extract
from l2xbench.store.journal import DONE, FAILED, GONE, FileColumn, JournalBlock
from l2xbench.store.listings import COMPARE_SIZES_UP_TO, FolderListings
from l2xbench.store.paths import RECORDS, journal_path, outcome_path, plan_path, split_at_image
from l2xbench.store.plan_on_disk import PlanOnDisk, read_plan_on_disk
from l2xbench.store.records import Record, Records
from l2xbench.store.rows import GroupRows, compacted
from l2xbench.store.units import GroupName, Outcome, Unit, Value, key_of
from l2xbench.system.files import PARTIAL, write_whole

GROUPS_IN_MEMORY = 64
"""Groups whose rows are held at a time."""
SCRATCH = ".scratch-"
NO_GROUP = GroupName("", "", "", "")
"""For rows whose names matter to nobody."""


class Store:
    """Records and files below one results folder. One process writes at a time (`l2xbench.store.lock`)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._groups: dict[GroupName, GroupRows] = {}
        self._lock = threading.RLock()  # records are written in a thread of their own

    def prepare(self) -> None:
        """Makes the folder.

        Raises:
            RequestError: it cannot be made or written to.
        """
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            probe = self.root / f".probe-{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RequestError(f"--out {self.root}: cannot be written to ({error.strerror})") from None

    def sweep(self) -> None:
        """Removes what processes that were killed have left; no other may be at work here."""
        for folder in (self.root, self.root / "tables", self.root / "figures"):
            for path in [*folder.glob(f".*{PARTIAL}"), *folder.glob(".probe-*")]:
                path.unlink(missing_ok=True)
        for path in self.root.glob(f"{SCRATCH}*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.root / RECORDS).rglob(f".*{PARTIAL}"):
            path.unlink(missing_ok=True)

    @contextmanager
    def scratch_folder(self) -> Iterator[Path]:
        """A folder on the results' own disk for what is too large for memory; it is gone afterwards."""
        with TemporaryDirectory(prefix=SCRATCH, dir=self.root) as folder:
            yield Path(folder)

    def find(self, unit: Unit, key: str) -> Record | None:
        """The record of `unit`, if it is there, whole, of this key, and its files are there."""
        recipe, _, digest = key.partition(".")
        record = self.record(unit.group, unit.image, recipe, digest)
        if record is None:
            return None
        for what, path in record.files.items():
            try:
                if (self.root / path).stat().st_size != record.sizes[what]:
                    return None
            except OSError:
                return None
        return record

    def write_outcome(self, unit: Unit, key: str, outcome: Outcome | EncodedOutcome) -> Record:
        """Writes an outcome's files, then its record.

        Raises:
            RequestError: it cannot be written (a full disk); nothing of it counts then.
        """
        encoded = encode_outcome(outcome) if isinstance(outcome, Outcome) else outcome
        files = {
            what: (str(outcome_path(unit, what, ending)), content) for what, (ending, content) in encoded.files.items()
        }
        return self.write_files(unit, key, files, encoded.values)

    def write_files(
        self,
        unit: Unit,
        key: str,
        files: Mapping[str, tuple[str, bytes]],
        values: Mapping[str, Value] | None = None,
    ) -> Record:
        """Writes files (what -> path below the results folder, content), then the record that names them.

        Errors as in `write_outcome`.
        """
        self._take_back(unit, key)
        for path, content in files.values():
            write_whole(self.root / path, content, sole=True)
        return self.add_record(unit, key, {what: path for what, (path, _) in files.items()}, values)

    def add_record(
        self, unit: Unit, key: str, files: Mapping[str, str], values: Mapping[str, Value] | None = None
    ) -> Record:
        """Writes the record of a unit whose files (what -> path below the results folder) are written already."""
        sizes = {what: (self.root / path).stat().st_size for what, path in files.items()}
        recipe, _, digest = key.partition(".")
        columns = {name: [value] for name, value in (values or {}).items()}
        told = {
            what: FileColumn(path=split_at_image(path, unit.image), sizes=[sizes[what]]) for what, path in files.items()
        }
        self._append(unit.group, JournalBlock.from_rows(DONE, recipe, [unit.image], [digest], told, columns))
        named = (unit.study, unit.dataset, unit.model, unit.image, unit.label)
        return Record(key, *named, dict(values or {}), dict(files), sizes)

    def add_failure(self, unit: Unit, key: str, reason: str) -> None:
        """Remembers that a unit failed, and why."""
        recipe, _, digest = key.partition(".")
        self._append(
            unit.group, JournalBlock.from_rows(FAILED, recipe, [unit.image], [digest], values={"reasons": [reason]})
        )

    def rows(self, group: GroupName) -> GroupRows:
        """All that is recorded of a group's units."""
        with self._lock:
            found = self._groups.get(group)
            if found is None:
                found = GroupRows(group, journal.read(self.root / journal_path(group)))
                while len(self._groups) >= GROUPS_IN_MEMORY:
                    del self._groups[next(iter(self._groups))]
                self._groups[group] = found
            return found

    def latest(self, group: GroupName, image: str) -> tuple[str, str] | None:
        """Recipe and digest of an image's latest record in a group."""
        with self._lock:
            return self.rows(group).latest(image)

    def record(self, group: GroupName, image: str, recipe: str, digest: str) -> Record | None:
        """An image's latest record in a group, if it has this recipe and digest."""
        with self._lock:
            return self.rows(group).record(image, recipe, digest)

    def columns(
        self, group: GroupName, recipe: str, images: Sequence[str], digests: Sequence[str]
    ) -> tuple[list[str], dict[str, list[Value]]] | None:
        """Those of `images` whose records have this recipe and digest, and their values as columns; None if none."""
        with self._lock:
            return self.rows(group).columns(recipe, images, digests)

    def records(self, only: str | None = None) -> Records:
        """All records of the last run (of the study `only`, where a command was for that alone), from disk alone.

        Raises:
            RequestError: there was no such run, or what it planned cannot be read.
        """
        plan = self.read_plan(only)
        if plan is None:
            raise RequestError(f"{self.root}: nothing has been run here")
        return Records(self, plan.groups, plan.images)

    def write_plan(self, plan: PlanOnDisk, only: str | None = None) -> None:
        """Leaves what a run is about to do, for `records` and `l2xbench run --status`."""
        self.write_text(str(plan_path(only)), plan.text())

    def read_plan(self, only: str | None = None) -> PlanOnDisk | None:
        """What `write_plan` left; None if nothing did.

        Raises:
            RequestError: it cannot be read.
        """
        return read_plan_on_disk(self.root / plan_path(only))

    def forget(self, group: GroupName) -> None:
        """Removes all records of a group; their files stay until they are made again."""
        with self._lock:
            self._groups.pop(group, None)
            (self.root / journal_path(group)).unlink(missing_ok=True)

    def forget_all_but(self, studies: Collection[str]) -> None:
        """Removes the records of what is made from records, figures and numbers of pairs, and their files."""
        with self._lock:
            for path in self.files_but_of(studies):
                (self.root / path).unlink(missing_ok=True)
            self._groups.clear()
            for folder in self._folders_but_of(studies):
                shutil.rmtree(folder)

    def files_but_of(self, studies: Collection[str]) -> set[str]:
        """Paths below the results folder of the files whose records are of none of these studies: figures, say."""
        journals = [path for folder in self._folders_but_of(studies) for path in folder.rglob("*.journal")]
        return {name for path in journals for name in GroupRows(NO_GROUP, journal.read(path)).file_paths()}

    def _folders_but_of(self, studies: Collection[str]) -> list[Path]:
        folders = sorted((self.root / RECORDS).glob("*/"))
        return [folder for folder in folders if folder.is_dir() and folder.name not in studies]

    def compact(self, group: GroupName, order: Sequence[str]) -> int:
        """Rewrites a group's journal where that makes it shorter: latest rows only, images in this order.

        Returns:
            how many damaged lines were found, which are gone then.
        """
        with self._lock:
            rows = self.rows(group)
            blocks = compacted(rows, order)
            if blocks is not None:
                journal.rewrite(self.root / journal_path(group), blocks)
                self._groups.pop(group, None)
        return rows.damaged

    def take(self, extract: Extract, root: Path, *, linked: bool = False) -> None:
        """Takes over a group's records and their files from the results folder `root`, in the place of those here.

        Where `linked`, files are shared with `root` if the disk can do that: no file of a record is ever written into,
        only put in the place of another.

        Raises:
            RequestError: a file cannot be read or written.
        """
        for path in extract.files:
            target = self.root / path
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                _copy(root / path, target, linked=linked)
            except OSError as error:
                raise RequestError(f"{path}: cannot be copied from {root} ({error.strerror or error})") from error
        with self._lock:
            journal.rewrite(self.root / journal_path(extract.group), extract.blocks)
            self._groups.pop(extract.group, None)

    def listings(self, units: int) -> FolderListings:
        """What lies in the folders, for comparing it with the records of so many units."""
        return FolderListings(self.root, with_sizes=units <= COMPARE_SIZES_UP_TO)

    def load_image(self, path: str) -> NDArray[np.uint8]:
        """The image of this path below the results folder; see `l2xbench.store.damage.read_png`."""
        return read_png(self.root / path)

    def load_arrays(self, path: str) -> dict[str, NDArray[Any]]:
        """The arrays of this path below the results folder; see `l2xbench.store.damage.read_npz`."""
        return read_npz(self.root / path)

    def write_text(self, path: str, text: str) -> Path:
        """Writes a text file below the results folder; what is no text in a path or a reason is told by number."""
        return write_whole(self.root / path, text.encode(errors="backslashreplace"), sole=True)

    def _append(self, group: GroupName, block: JournalBlock) -> None:
        with self._lock:
            rows = self.rows(group)
            end = journal.append(self.root / journal_path(group), block, rows.end if rows.torn else None)
            rows.add(block, end)

    def _take_back(self, unit: Unit, key: str) -> None:
        """Takes back an image's record of another key before its files are written over: they will not be its own."""
        with self._lock:
            latest = self.rows(unit.group).latest(unit.image)
            if latest is not None and key_of(*latest) != key:
                recipe, digest = latest
                self._append(unit.group, JournalBlock.from_rows(GONE, recipe, [unit.image], [digest]))


def _copy(source: Path, target: Path, *, linked: bool) -> None:
    if linked:
        target.unlink(missing_ok=True)
        with suppress(OSError, NotImplementedError):
            os.link(source, target)
            return
    shutil.copyfile(source, target)
