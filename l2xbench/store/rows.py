"""The rows of one journal: what is done of a group of units, and what has failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from l2xbench.store.journal import DONE, FAILED, GONE, FileColumn, JournalBlock, JournalContents
from l2xbench.store.listings import FolderListings
from l2xbench.store.paths import is_inside, join_at_image
from l2xbench.store.records import Record
from l2xbench.store.units import GroupName, Value, key_of

ROWS_A_BLOCK = 250
"""Rows of a block in a compact journal: what one damaged byte can cost."""


class RowPlace(NamedTuple):
    """Where a row is among the blocks of a journal."""

    block: int
    row: int


class GroupRows:
    """The rows of a group's journal; of each image the latest counts.

    Attributes:
        damaged: how many lines of the file could not be read.
        end: bytes of the file up to its last whole line.
        torn: half a line follows, which the next write cuts off.
    """

    def __init__(self, name: GroupName, contents: JournalContents) -> None:
        self.name = name
        self.damaged = contents.damaged
        self.end = contents.end
        self.torn = contents.end != contents.size
        self.blocks = contents.blocks
        self._parsed: dict[int, tuple[dict[str, FileColumn], dict[str, list[Value]]]] = {}

    def add(self, block: JournalBlock, end: int) -> None:
        """Takes in a block that was appended to the file, which ends at `end` now."""
        if "_latest" in self.__dict__:
            _note_rows(self._latest, len(self.blocks), block)
        self.blocks.append(block)
        self.end, self.torn = end, False

    def digests(self, recipe: str) -> dict[str, str]:
        """Image -> its digest, of those whose latest record has this recipe."""
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
                    found.update(zip(rows, map(str, block.values()["reasons"]), strict=True))
                elif found:
                    for row in rows:
                        found.pop(row, None)
        return found

    def columns(
        self, recipe: str, images: Sequence[str], digests: Sequence[str]
    ) -> tuple[list[str], dict[str, list[Value]]] | None:
        """Those of `images` that are done with this recipe and digest, in that order, and their values as columns."""
        done = [block for block in self.blocks if block.kind == DONE]
        there: list[str] = []
        columns: dict[str, list[Value]] = {}
        for block in done:
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
        latest = dict(zip(there, range(len(there)), strict=True))
        order = [latest[image] for image in chosen]
        return chosen, {name: [column[row] for row in order] for name, column in columns.items()}

    def latest(self, image: str) -> tuple[str, str] | None:
        """Recipe and digest of an image's latest record."""
        place = self._latest.get(image)
        if place is None:
            return None
        block = self.blocks[place.block]
        return block.recipe, block.rows[1][place.row]

    def record(self, image: str, recipe: str, digest: str) -> Record | None:
        """The record of an image, if its latest has this recipe and digest."""
        place = self._latest.get(image)
        if place is None or self.latest(image) != (recipe, digest):
            return None
        files, columns = self.parsed(place.block)
        if not all(is_inside(column["path"]) for column in files.values()):
            return None
        paths = {what: join_at_image(column["path"], image) for what, column in files.items()}
        sizes = {what: column["sizes"][place.row] for what, column in files.items()}
        values = {what: column[place.row] for what, column in columns.items()}
        study, dataset, model, label = self.name
        return Record(key_of(recipe, digest), study, dataset, model, image, label, values, paths, sizes)

    def file_paths(self) -> set[str]:
        """The paths below the results folder of all files that the latest records name."""
        found: set[str] = set()
        for image, place in self._latest.items():
            columns = self.parsed(place.block)[0].values()
            found.update(join_at_image(column["path"], image) for column in columns if is_inside(column["path"]))
        return found

    def without_files(self, recipe: str, listings: FolderListings) -> set[str]:
        """The images whose latest record of this recipe names a file that is not there, or has another size."""
        lacking: set[str] = set()
        for block in self.blocks:
            if block.kind == DONE and block.recipe == recipe:
                images, _ = block.rows
                lacking.difference_update(images)
                for column in block.files().values():
                    if not is_inside(column["path"]):
                        lacking.update(images)
                        continue
                    for image, size in zip(images, column["sizes"], strict=True):
                        folder, _, name = join_at_image(column["path"], image).rpartition("/")
                        there = listings.sizes_in(folder).get(name)
                        if there is None or (listings.with_sizes and there != size):
                            lacking.add(image)
        return lacking

    def parsed(self, number: int) -> tuple[dict[str, FileColumn], dict[str, list[Value]]]:
        """Files and values of the block of this number."""
        if number not in self._parsed:
            self._parsed[number] = (self.blocks[number].files(), self.blocks[number].values())
        return self._parsed[number]

    @property
    def latest_rows(self) -> Mapping[str, RowPlace]:
        """Image -> where its latest record is."""
        return self._latest

    @cached_property
    def _latest(self) -> dict[str, RowPlace]:
        found: dict[str, RowPlace] = {}
        for number, block in enumerate(self.blocks):
            _note_rows(found, number, block)
        return found


def compacted(group: GroupRows, order: Sequence[str]) -> list[JournalBlock] | None:
    """The latest rows of a group in few blocks, images in the order given; None if they lie so already."""
    sound = not group.damaged and not group.torn
    if sound and len(group.blocks) <= -(-len(group.latest_rows) // ROWS_A_BLOCK):
        return None
    ranks = {image: rank for rank, image in enumerate(order)}
    alike: dict[Any, list[tuple[int, str, RowPlace]]] = {}
    for image, place in group.latest_rows.items():
        files, columns = group.parsed(place.block)
        paths = tuple((what, tuple(column["path"])) for what, column in files.items())
        shape = (group.blocks[place.block].recipe, tuple(columns), paths)
        alike.setdefault(shape, []).append((ranks.get(image, len(ranks)), image, place))
    blocks = []
    for (recipe, names, paths), members in alike.items():
        members.sort(key=lambda member: member[0])
        for start in range(0, len(members), ROWS_A_BLOCK):
            part = members[start : start + ROWS_A_BLOCK]
            blocks.append(_one_block(group, recipe, names, paths, [(image, place) for _, image, place in part]))
    for recipe in dict.fromkeys(block.recipe for block in group.blocks if block.kind == FAILED):
        failed = group.failures(recipe)
        if failed:
            images, digests = zip(*failed, strict=True)
            blocks.append(
                JournalBlock.from_rows(FAILED, recipe, images, digests, values={"reasons": list(failed.values())})
            )
    return None if sound and len(blocks) >= len(group.blocks) else blocks


def _one_block(
    group: GroupRows,
    recipe: str,
    names: Sequence[str],
    paths: Sequence[tuple[str, Sequence[str]]],
    rows: Sequence[tuple[str, RowPlace]],
) -> JournalBlock:
    """Rows that have the same recipe, names of values and paths."""
    parsed = [(*group.parsed(place.block), place.row) for _, place in rows]
    digests = [group.blocks[place.block].rows[1][place.row] for _, place in rows]
    values = {name: [columns[name][row] for _, columns, row in parsed] for name in names}
    files = {
        what: FileColumn(path=list(path), sizes=[columns[what]["sizes"][row] for columns, _, row in parsed])
        for what, path in paths
    }
    return JournalBlock.from_rows(DONE, recipe, [image for image, _ in rows], digests, files, values)


def _note_rows(latest: dict[str, RowPlace], number: int, block: JournalBlock) -> None:
    if block.kind == DONE:
        latest.update((image, RowPlace(number, row)) for row, image in enumerate(block.rows[0]))
    elif block.kind == GONE:
        for image in block.rows[0]:
            latest.pop(image, None)
