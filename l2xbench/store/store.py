"""The results directory: the only code that writes results.

A finished unit is one record, beside the images and arrays that it names. The records of one study, dataset, network
and label are rows of one journal, `records/<study>/<dataset>/<model>/<label>.journal` (`l2xbench.store.journal`). The
row is appended and synchronised last, after the files, each of which is written whole or not at all. So a run that is
stopped at any moment, by a kill, a power cut or a full disk, has lost at most the units that were under way. A row
carries the key of all that decided its result; a row of another key is stale, and its unit is done again.

Why journals: one JSON file a unit, the form before, is too slow for the ten million units of a large study (see
`python scripts/simulate_scale.py`, which prints what the store takes); a journal gives a thousand units in one read.
SQLite would take a step a row, its write-ahead log is not for the network file systems on which clusters keep results,
and a damaged page takes other rows with it. Parquet is a dependency of 40 MB whose files nothing can be appended to.
Here damage stays within a line, and a reader needs nothing but JSON.
"""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from l2xbench.errors import RequestError
from l2xbench.store import journal
from l2xbench.store.journal import DONE, FAILED, GONE, Block
from l2xbench.store.records import Name, Record, Records
from l2xbench.store.units import Outcome, Unit, Value, key_of
from l2xbench.system.files import PARTIAL, write_whole

__all__ = ["DamagedFile", "Encoded", "Group", "Record", "Store", "encode"]

FOLDERS = {"sr": "sr", "attribution": "attributions", "similarity": "similarity", "lr": "inputs", "hr": "inputs"}
"""What an outcome holds -> where it is kept."""
BLOCK = 250
"""Rows of a block in a journal that is at rest: what one damaged byte can cost."""
FEW = 100_000
"""Up to so many units the size of each file is compared with the record's; above, only that the file is there."""
OPEN = 64
"""Groups whose rows are held in memory at a time."""
PLAN = "records/plan{}.json"
SPLIT = "records/split.json"


class DamagedFile(RequestError):
    """A file of a record that cannot be read; it is removed, so that its unit is done again."""


@dataclass(frozen=True)
class Encoded:
    """An outcome as it will lie on disk."""

    values: Mapping[str, Value]
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """What -> (ending, content)."""


def encode(outcome: Outcome) -> Encoded:
    """An outcome's images as PNG and arrays as NPZ: takes longer than writing them, and is done where there is time.

    Raises:
        Exception: whatever the numbers that the study has left for `later` raise.
    """
    outcome = outcome.finished()
    files = {}
    for what, image in outcome.images.items():
        buffer = io.BytesIO()
        # half of the time that the default (6) takes, for 3 % more bytes
        Image.fromarray(image).save(buffer, format="PNG", compress_level=4)
        files[what] = (".png", buffer.getvalue())
    for what, arrays in outcome.arrays.items():
        buffer = io.BytesIO()
        np.savez_compressed(buffer, allow_pickle=False, **arrays)
        files[what] = (".npz", buffer.getvalue())
    return Encoded(outcome.values, files)


class Group:
    """The rows of one journal: of each image the latest."""

    def __init__(self, name: Name, reading: journal.Reading) -> None:
        self.name = name
        self.damaged = reading.damaged
        self.end = reading.end
        self.torn = reading.end != reading.size
        self.blocks = reading.blocks
        self._bodies: dict[int, tuple[dict[str, Any], dict[str, list[Any]]]] = {}

    def add(self, block: Block, end: int) -> None:
        """Takes in a block that was appended to the file, which ends at `end` now."""
        if "_places" in self.__dict__:
            _place(self._places, len(self.blocks), block)
        self.blocks.append(block)
        self.end, self.torn = end, False

    def digests(self, recipe: str) -> dict[str, str]:
        """Image -> digest of those whose latest record has this recipe."""
        found: dict[str, str] = {}
        for block in self.blocks:
            if block.kind != FAILED:
                images, digests = block.rows
                if (block.kind, block.recipe) == (DONE, recipe):
                    found.update(zip(images, digests, strict=True))
                elif found:
                    for image in images:
                        found.pop(image, None)
        return found

    def failures(self, recipe: str) -> dict[tuple[str, str], str]:
        """(Image, digest) -> why it failed, of those whose latest attempt with this recipe did."""
        found: dict[tuple[str, str], str] = {}
        for block in self.blocks:
            if block.recipe == recipe:
                rows = list(zip(*block.rows, strict=True))
                if block.kind == FAILED:
                    found.update(zip(rows, block.values()["reasons"], strict=True))
                elif found:
                    for row in rows:
                        found.pop(row, None)
        return found

    def columns(
        self, recipe: str, images: list[str], digests: list[str]
    ) -> tuple[list[str], dict[str, list[Value]]] | None:
        """Those of `images` that are done with this recipe and digest, in that order, and their values as columns."""
        parts = [block for block in self.blocks if block.kind == DONE]
        if not parts:
            return None
        there: list[str] = []
        columns: dict[str, list[Value]] = {}
        for block in parts:
            values = block.values() if block.recipe == recipe else {}
            for name in values.keys() - columns.keys():
                columns[name] = [None] * len(there)
            there += block.rows[0]
            for name, column in columns.items():
                column += values.get(name, [None] * (len(there) - len(column)))
        known = self.digests(recipe)
        chosen = [image for image, digest in zip(images, digests, strict=True) if known.get(image) == digest]
        if not chosen:
            return None
        if chosen == there:
            return chosen, columns
        place = dict(zip(there, range(len(there)), strict=True))  # the latest of each
        order = [place[image] for image in chosen]
        return chosen, {name: [column[row] for row in order] for name, column in columns.items()}

    def latest(self, image: str) -> tuple[str, str] | None:
        """Recipe and digest of an image's latest record."""
        place = self._places.get(image)
        if place is None:
            return None
        return self.blocks[place[0]].recipe, self.blocks[place[0]].rows[1][place[1]]

    def record(self, image: str, recipe: str, digest: str) -> Record | None:
        """The record of an image, if its latest has this recipe and digest."""
        place = self._places.get(image)
        if place is None:
            return None
        number, row = place
        block = self.blocks[number]
        if (block.recipe, block.rows[1][row]) != (recipe, digest):
            return None
        kept, columns = self._body(number)
        if not all(_is_inside(entry["path"]) for entry in kept.values()):
            return None
        files = {what: _joined(entry["path"], image) for what, entry in kept.items()}
        sizes = {what: entry["sizes"][row] for what, entry in kept.items()}
        values = {what: column[row] for what, column in columns.items()}
        study, dataset, model, label = self.name
        return Record(key_of(recipe, digest), study, dataset, model, image, label, values, files, sizes)

    def without_files(self, recipe: str, listing: Callable[[str], Mapping[str, int]], sizes: bool) -> set[str]:
        """The images whose latest record of this recipe names a file that is not there, or has another size."""
        lacking: set[str] = set()
        for block in self.blocks:
            if block.kind == DONE and block.recipe == recipe:
                images, _ = block.rows
                lacking.difference_update(images)
                for entry in block.files().values():
                    if not _is_inside(entry["path"]):
                        lacking.update(images)
                        continue
                    for image, size in zip(images, entry["sizes"], strict=True):
                        folder, _, name = _joined(entry["path"], image).rpartition("/")
                        there = listing(folder).get(name)
                        if there is None or (sizes and there != size):
                            lacking.add(image)
        return lacking

    def at_rest(self, order: Sequence[str]) -> list[Block] | None:
        """The latest rows in few blocks, images in the order given; None if they lie so already."""
        sound = not self.damaged and not self.torn
        if sound and len(self.blocks) <= -(-len(self._places) // BLOCK):
            return None
        ranks = {image: rank for rank, image in enumerate(order)}
        rows: dict[Any, list[tuple[int, str, str, int, int]]] = {}
        for image, (number, row) in self._places.items():
            block = self.blocks[number]
            kept, columns = self._body(number)
            paths = tuple((what, tuple(entry["path"])) for what, entry in kept.items())
            alike = (block.recipe, tuple(columns), paths)
            rank = ranks.get(image, len(ranks))
            rows.setdefault(alike, []).append((rank, image, block.rows[1][row], number, row))
        blocks = []
        for (recipe, names, paths), members in rows.items():
            members.sort(key=lambda member: member[0])
            for start in range(0, len(members), BLOCK):
                part = members[start : start + BLOCK]
                bodies = [(*self._body(number), row) for *_, number, row in part]
                values = {name: [columns[name][row] for _, columns, row in bodies] for name in names}
                files = {
                    what: {"path": path, "sizes": [kept[what]["sizes"][row] for kept, _, row in bodies]}
                    for what, path in paths
                }
                blocks.append(Block.of(DONE, recipe, [m[1] for m in part], [m[2] for m in part], files, values))
        for recipe in dict.fromkeys(block.recipe for block in self.blocks if block.kind == FAILED):
            failed = self.failures(recipe)
            if failed:
                images, digests = zip(*failed, strict=True)
                blocks.append(Block.of(FAILED, recipe, images, digests, {}, {"reasons": list(failed.values())}))
        return None if sound and len(blocks) >= len(self.blocks) else blocks

    @cached_property
    def _places(self) -> dict[str, tuple[int, int]]:
        """Image -> block and row of its latest record."""
        found: dict[str, tuple[int, int]] = {}
        for number, block in enumerate(self.blocks):
            _place(found, number, block)
        return found

    def _body(self, number: int) -> tuple[dict[str, Any], dict[str, list[Any]]]:
        """Files and values of a block."""
        if number not in self._bodies:
            self._bodies[number] = (self.blocks[number].files(), self.blocks[number].values())
        return self._bodies[number]


class Store:
    """Records and files below one results folder. One process writes at a time (`l2xbench.store.lock`)."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._groups: dict[Name, Group] = {}
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
        for path in self.root.glob(".gram-*"):
            shutil.rmtree(path, ignore_errors=True)
        for path in (self.root / "records").rglob(f".*{PARTIAL}"):
            path.unlink(missing_ok=True)

    def find(self, unit: Unit, key: str) -> Record | None:
        """The record of `unit`, if it is there, whole, of this key, and its files are there."""
        recipe, _, digest = key.partition(".")
        with self._lock:
            record = self.group(name_of(unit)).record(unit.image, recipe, digest)
        if record is None:
            return None
        for what, path in record.files.items():
            try:
                if (self.root / path).stat().st_size != record.sizes[what]:
                    return None
            except OSError:
                return None
        return record

    def keep(self, unit: Unit, key: str, outcome: Outcome) -> Record:
        """Writes an outcome's files, then its record.

        Raises:
            RequestError: it cannot be written (a full disk); nothing of it counts then.
        """
        return self.keep_encoded(unit, key, encode(outcome))

    def keep_encoded(self, unit: Unit, key: str, outcome: Encoded) -> Record:
        """The same of what `encode` made of an outcome."""
        files = {
            what: (str(self._file_path(unit, what, ending)), content)
            for what, (ending, content) in outcome.files.items()
        }
        return self.keep_contents(unit, key, files, outcome.values)

    def keep_contents(
        self,
        unit: Unit,
        key: str,
        files: Mapping[str, tuple[str, bytes]],
        values: Mapping[str, Value] | None = None,
    ) -> Record:
        """Writes files (what -> path below the results folder, content), then the record that names them.

        Raises:
            RequestError: it cannot be written (a full disk); nothing of it counts then.
        """
        self._give_up(unit, key)
        for path, content in files.values():
            write_whole(self.root / path, content, sole=True)
        return self.keep_files(unit, key, {what: path for what, (path, _) in files.items()}, values)

    def keep_files(
        self, unit: Unit, key: str, files: Mapping[str, str], values: Mapping[str, Value] | None = None
    ) -> Record:
        """Writes the record of a unit whose files (what -> path below the results folder) are written already."""
        sizes = {what: (self.root / path).stat().st_size for what, path in files.items()}
        recipe, _, digest = key.partition(".")
        columns = {what: [value] for what, value in (values or {}).items()}
        told = {what: {"path": _parted(path, unit.image), "sizes": [sizes[what]]} for what, path in files.items()}
        self._add(name_of(unit), Block.of(DONE, recipe, [unit.image], [digest], told, columns))
        named = (unit.study, unit.dataset, unit.model, unit.image, unit.label)
        return Record(key, *named, dict(values or {}), dict(files), sizes)

    def keep_failure(self, unit: Unit, key: str, reason: str) -> None:
        """Remembers that a unit failed, and why."""
        recipe, _, digest = key.partition(".")
        self._add(name_of(unit), Block.of(FAILED, recipe, [unit.image], [digest], {}, {"reasons": [reason]}))

    def group(self, name: Name) -> Group:
        """All that is kept of a group's units."""
        with self._lock:
            found = self._groups.get(name)
            if found is None:
                found = Group(name, journal.read(self.journal(name)))
                while len(self._groups) >= OPEN:
                    del self._groups[next(iter(self._groups))]
                self._groups[name] = found
            return found

    def latest(self, name: Name, image: str) -> tuple[str, str] | None:
        """Recipe and digest of an image's latest record in a group."""
        with self._lock:
            return self.group(name).latest(image)

    def record(self, name: Name, image: str, recipe: str, digest: str) -> Record | None:
        """An image's latest record in a group, if it has this recipe and digest."""
        with self._lock:
            return self.group(name).record(image, recipe, digest)

    def records(self, only: str | None = None) -> Records:
        """All records of the last run (of the study `only`, where a command was for that alone), from disk alone.

        Raises:
            RequestError: there was no such run, or what it planned cannot be read.
        """
        plan = self.read_plan(only)
        if plan is None:
            raise RequestError(f"{self.root}: nothing has been run here")
        return Records(self, [(Name(*group), recipe) for *group, recipe in plan["groups"]], plan["images"])

    def write_plan(
        self, groups: Iterable[tuple[Name, str]], images: Mapping[str, Any], only: str | None = None, **more: Any
    ) -> None:
        """Leaves what a run is about to do, for `records` and `l2xbench run --status`."""
        plan = {**more, "images": images, "groups": [[*name, recipe] for name, recipe in groups]}
        self.write_text(PLAN.format(f"-{only}" if only else ""), json.dumps(plan))

    def read_plan(self, only: str | None = None) -> dict[str, Any] | None:
        """What `write_plan` left; None if nothing did."""
        path = self.root / PLAN.format(f"-{only}" if only else "")
        try:
            plan: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RequestError(f"{path}: cannot be read ({' '.join(str(error).split())})") from None
        return plan

    def has_plan(self) -> bool:
        """Whether any run has planned something here."""
        return next((self.root / "records").glob(Path(PLAN).name.format("*")), None) is not None

    def write_split(self, split: Mapping[str, Any]) -> None:
        """Leaves how the work is split among workers, for the runs that go on with it."""
        self.write_text(SPLIT, json.dumps(split))

    def read_split(self) -> dict[str, Any] | None:
        """What `write_split` left; None if nothing is there that can be read."""
        try:
            split = json.loads((self.root / SPLIT).read_text())
        except (OSError, ValueError):
            return None
        return split if isinstance(split, dict) else None

    def forget(self, name: Name) -> None:
        """Removes all records of a group; their files stay until they are made again."""
        with self._lock:
            self._groups.pop(name, None)
            self.journal(name).unlink(missing_ok=True)

    def forget_all_but(self, studies: Sequence[str]) -> None:
        """Removes the records of what is made from records: figures, and numbers of pairs."""
        with self._lock:
            self._groups.clear()
            for folder in (self.root / "records").glob("*/"):
                if folder.is_dir() and folder.name not in studies:
                    shutil.rmtree(folder)

    def settle(self, name: Name, order: Sequence[str]) -> int:
        """Puts a group's journal at rest: latest rows only, in few blocks, images in this order.

        Returns:
            how many damaged lines were found, which are gone then.
        """
        with self._lock:
            group = self.group(name)
            blocks = group.at_rest(order)
            if blocks is not None:
                journal.rewrite(self.journal(name), blocks)
                self._groups.pop(name, None)
        return group.damaged

    def listing(self, folder: str, sizes: bool) -> Mapping[str, int]:
        """File -> bytes (0 unless `sizes`) of a folder; what a process that was killed left half written is removed."""
        path = self.root / folder
        try:
            if sizes:
                with os.scandir(path) as entries:
                    found = {entry.name: entry.stat().st_size for entry in entries}
            else:
                found = dict.fromkeys(os.listdir(path), 0)  # noqa: PTH208  ten times as fast as Path.iterdir
        except OSError:
            return {}
        for name in [name for name in found if name.endswith(PARTIAL)]:
            with suppress(OSError):
                (path / name).unlink()
        return found

    def load_image(self, path: str) -> np.ndarray:
        """A kept PNG: uint8 (H, W, 3).

        Raises:
            DamagedFile: it cannot be read; it is gone then.
        """
        try:
            with Image.open(self.root / path) as image:
                return np.asarray(image.convert("RGB"))
        except Exception as error:  # a damaged PNG makes Pillow raise a dozen kinds
            raise self._damaged(path, error) from error

    def load_arrays(self, path: str) -> dict[str, np.ndarray]:
        """A kept NPZ. Errors as of `load_image`."""
        try:
            with np.load(self.root / path, allow_pickle=False) as archive:
                return dict(archive)
        except Exception as error:  # as above, of zipfile, zlib and NumPy
            raise self._damaged(path, error) from error

    def write_text(self, path: str, text: str) -> Path:
        """Writes a text file below the results folder."""
        return write_whole(self.root / path, text.encode())

    def _damaged(self, path: str, error: Exception) -> RequestError:
        code = error.errno if isinstance(error, OSError) else None
        if code not in (None, errno.EIO, errno.ENOENT) or isinstance(error, MemoryError):
            return RequestError(f"{self.root / path}: cannot be read ({error})")
        with suppress(OSError):
            (self.root / path).unlink()
        told = "is missing" if code == errno.ENOENT else f"is damaged ({type(error).__name__})"
        return DamagedFile(f"{self.root / path}: {told}; the same command makes it anew")

    def _add(self, name: Name, block: Block) -> None:
        with self._lock:
            group = self.group(name)
            group.add(block, journal.append(self.journal(name), block, group.end if group.torn else None))

    def _give_up(self, unit: Unit, key: str) -> None:
        """Takes back an image's record of another key before its files are written over: they will not be its own."""
        with self._lock:
            group = self.group(name_of(unit))
            place = group.latest(unit.image)
            if place is not None and key_of(*place) != key:
                self._add(name_of(unit), Block.of(GONE, place[0], [unit.image], [place[1]], {}, {}))

    def journal(self, name: Name) -> Path:
        """The file of a group's records."""
        return self.root / "records" / name.study / name.dataset / name.model / f"{name.label or 'units'}.journal"

    def _file_path(self, unit: Unit, what: str, suffix: str) -> Path:
        if not unit.model:
            return Path(FOLDERS[what], unit.dataset, f"{unit.image}.{what}{suffix}")
        # the method that the project is about has the plain name that the contract promises
        label = "" if unit.label in ("", "l2x") else f".{unit.label}"
        return Path(FOLDERS[what], unit.dataset, unit.model, f"{unit.image}{label}{suffix}")


def _place(places: dict[str, tuple[int, int]], number: int, block: Block) -> None:
    if block.kind == DONE:
        places.update((image, (number, row)) for row, image in enumerate(block.rows[0]))
    elif block.kind == GONE:
        for image in block.rows[0]:
            places.pop(image, None)


def name_of(unit: Unit) -> Name:
    """The group that a unit belongs to."""
    return Name(unit.study, unit.dataset, unit.model, unit.label)


def _parted(path: str, image: str) -> list[str]:
    """A path as what is before and after the image's name, which the units of a group share."""
    if not image or image not in path:
        return [path]
    before, _, after = path.rpartition(image)
    return [before, after]


def _is_inside(parts: Sequence[str]) -> bool:
    """Whether a path stays in the results folder, which may be from elsewhere; no image's name has a `/`."""
    path = Path(_joined(parts, "image"))
    return not path.is_absolute() and ".." not in path.parts


def _joined(parts: Sequence[str], image: str) -> str:
    return image.join(parts)
