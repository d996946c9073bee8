"""What is kept of finished units, and how the reports read it: record by record, or column by column."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from l2xbench.store.units import Value

if TYPE_CHECKING:
    from l2xbench.store.store import Store


@dataclass(frozen=True)
class Record:
    """A finished unit as it is kept."""

    key: str
    study: str
    dataset: str
    model: str
    image: str
    label: str
    values: Mapping[str, Value]
    files: Mapping[str, str] = field(default_factory=dict)
    """What (`sr`, `attribution`, ...) -> path below the results folder."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    """What -> bytes of that file."""


@dataclass(frozen=True)
class Failure:
    """A unit that could not be done, and why."""

    study: str
    dataset: str
    model: str
    image: str
    label: str
    reason: str


class Name(NamedTuple):
    """What a group of units is called: all that tells them from others, but the image."""

    study: str
    dataset: str
    model: str
    label: str


@dataclass(frozen=True)
class RecordGroup:
    """The finished units of one study, dataset, network and label, in the order of the dataset's images."""

    study: str
    dataset: str
    model: str
    label: str
    images: Sequence[str]
    columns: Mapping[str, Sequence[Value]]
    """The values' names -> one value an image; None where an image has none of this name."""

    def column(self, name: str) -> Sequence[Value]:
        """The values of this name; None each where there are none."""
        return self.columns.get(name, [None] * len(self.images))


class Records:
    """The finished units of a plan, read from disk each time: they may be more than memory holds.

    Iterating gives each `Record`, group by group in the plan's order, within a group by image.
    """

    def __init__(
        self,
        store: Store,
        groups: Sequence[tuple[Name, str]],
        images: Mapping[str, tuple[list[str], list[str]]],
        lacking: Mapping[Name, Collection[str]] | None = None,
    ) -> None:
        """The records of `groups` (each with its recipe) in `store`.

        Args:
            store: where they are.
            groups: in the order in which they are read.
            images: a dataset's, with their digests.
            lacking: images of a group whose files are gone: their records do not count.
        """
        self._store = store
        self._lacking = lacking or {}
        self.wanted = groups
        self.images = images

    def of(self, *studies: str) -> Records:
        """Those of these studies alone."""
        wanted = [each for each in self.wanted if each[0].study in studies]
        return Records(self._store, wanted, self.images, self._lacking)

    def of_images(self, dataset: str, images: Collection[str]) -> Records:
        """Those of these images alone, in the dataset's order."""
        wanted = [each for each in self.wanted if each[0].dataset == dataset]
        chosen = _without(*self.images[dataset], set(self.images[dataset][0]).difference(images))
        return Records(self._store, wanted, {dataset: chosen}, self._lacking)

    def groups(self) -> Iterator[RecordGroup]:
        """Column by column, which is quick for millions. Groups without a finished unit are left out."""
        for name, recipe in self.wanted:
            found = self._store.group(name).columns(recipe, *self._images_of(name))
            if found is not None:
                yield RecordGroup(*name, *found)

    def __iter__(self) -> Iterator[Record]:
        for name, recipe in self.wanted:
            for image, digest in zip(*self._images_of(name), strict=True):
                record = self._store.record(name, image, recipe, digest)
                if record is not None:
                    yield record

    def _images_of(self, name: Name) -> tuple[list[str], list[str]]:
        lacking = self._lacking.get(name)
        images, digests = self.images[name.dataset]
        return _without(images, digests, lacking) if lacking else (images, digests)


def _without(images: list[str], digests: list[str], left_out: Collection[str]) -> tuple[list[str], list[str]]:
    kept = [row for row, image in enumerate(images) if image not in left_out]
    return [images[row] for row in kept], [digests[row] for row in kept]


def in_studies(records: Iterable[Record], *studies: str) -> Iterable[Record]:
    """Records of these studies alone, whatever holds them; of `Records` no others are read."""
    if isinstance(records, Records):
        return records.of(*studies)
    return [record for record in records if record.study in studies]


def in_groups(records: Iterable[Record], *studies: str) -> Iterator[RecordGroup]:
    """Records of these studies column by column, whatever holds them."""
    if isinstance(records, Records):
        yield from records.of(*studies).groups()
        return

    def name(record: Record) -> Name:
        return Name(record.study, record.dataset, record.model, record.label)

    chosen = list(in_studies(records, *studies))
    places = {each: place for place, each in enumerate(dict.fromkeys(map(name, chosen)))}
    for each, part in groupby(sorted(chosen, key=lambda record: places[name(record)]), key=name):
        members = list(part)
        names = dict.fromkeys(value for record in members for value in record.values)
        columns: dict[str, Any] = {value: [record.values.get(value) for record in members] for value in names}
        yield RecordGroup(*each, [record.image for record in members], columns)
