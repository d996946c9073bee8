"""Finished units as the reports read them: record by record, or column by column."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from l2xbench.store.units import GroupName, Value


@dataclass(frozen=True)
class Record:
    """A finished unit as the results folder holds it."""

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

    @property
    def group(self) -> GroupName:
        """The group that its unit belongs to."""
        return GroupName(self.study, self.dataset, self.model, self.label)

    def number(self, name: str) -> float | None:
        """The value of this name as a number; None where there is none."""
        return as_number(self.values.get(name))


@dataclass(frozen=True)
class Failure:
    """A unit that could not be done, and why."""

    study: str
    dataset: str
    model: str
    image: str
    label: str
    reason: str

    @property
    def group(self) -> GroupName:
        """The group that its unit belongs to."""
        return GroupName(self.study, self.dataset, self.model, self.label)


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

    def numbers(self, name: str) -> list[float | None]:
        """The values of this name as numbers; None where there is none."""
        return [as_number(value) for value in self.column(name)]


def as_number(value: Value) -> float | None:
    """A value as a float; None if it is no number.

    Examples:
        >>> as_number(31), as_number("31"), as_number(True)
        (31.0, None, None)
    """
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


class RecordSource(Protocol):
    """Where records are read from: a results folder's `Store`."""

    def record(self, group: GroupName, image: str, recipe: str, digest: str) -> Record | None:
        """An image's latest record in a group, if it has this recipe and digest."""

    def columns(
        self, group: GroupName, recipe: str, images: Sequence[str], digests: Sequence[str]
    ) -> tuple[list[str], dict[str, list[Value]]] | None:
        """Those of `images` whose records have this recipe and digest, and their values as columns."""


class Records:
    """The finished units of a plan, read from disk each time: they may be more than memory holds.

    Iterating gives each `Record`, group by group in the plan's order, within a group by image.
    """

    def __init__(
        self,
        source: RecordSource,
        groups: Sequence[tuple[GroupName, str]],
        images: Mapping[str, tuple[list[str], list[str]]],
        lacking: Mapping[GroupName, Collection[str]] | None = None,
    ) -> None:
        """The records of `groups` (each with its recipe) in `source`.

        Args:
            source: where they are.
            groups: in the order in which they are read.
            images: a dataset's, with their digests.
            lacking: images of a group whose files are gone: their records do not count.
        """
        self._source = source
        self._lacking = lacking or {}
        self.wanted = groups
        self.images = images

    def of_studies(self, *studies: str) -> Records:
        """The records of these studies alone."""
        wanted = [each for each in self.wanted if each[0].study in studies]
        return Records(self._source, wanted, self.images, self._lacking)

    def of_images(self, dataset: str, images: Collection[str]) -> Records:
        """The records of these images alone, in the dataset's order."""
        wanted = [each for each in self.wanted if each[0].dataset == dataset]
        chosen = _without(*self.images[dataset], set(self.images[dataset][0]).difference(images))
        return Records(self._source, wanted, {dataset: chosen}, self._lacking)

    def of_models(self, models: Collection[str]) -> Records:
        """The records of these networks alone; '' stands for what is of an image alone."""
        wanted = [each for each in self.wanted if each[0].model in models]
        return Records(self._source, wanted, self.images, self._lacking)

    def of_group(self, group: GroupName) -> Records:
        """The records of this group alone."""
        wanted = [each for each in self.wanted if each[0] == group]
        return Records(self._source, wanted, self.images, self._lacking)

    def groups(self) -> Iterator[RecordGroup]:
        """The records column by column, which is quick for millions; groups without a finished unit are left out."""
        for name, recipe in self.wanted:
            found = self._source.columns(name, recipe, *self._images_of(name))
            if found is not None:
                yield RecordGroup(*name, *found)

    def __iter__(self) -> Iterator[Record]:
        for name, recipe in self.wanted:
            for image, digest in zip(*self._images_of(name), strict=True):
                record = self._source.record(name, image, recipe, digest)
                if record is not None:
                    yield record

    def _images_of(self, name: GroupName) -> tuple[list[str], list[str]]:
        lacking = self._lacking.get(name)
        images, digests = self.images[name.dataset]
        return _without(images, digests, lacking) if lacking else (images, digests)


def _without(images: list[str], digests: list[str], left_out: Collection[str]) -> tuple[list[str], list[str]]:
    rows = [row for row, image in enumerate(images) if image not in left_out]
    return [images[row] for row in rows], [digests[row] for row in rows]


def records_of_studies(records: Iterable[Record], *studies: str) -> Iterable[Record]:
    """The records of these studies alone, whatever holds them; of `Records` no others are read."""
    if isinstance(records, Records):
        return records.of_studies(*studies)
    return [record for record in records if record.study in studies]


def record_groups(records: Iterable[Record], *studies: str) -> Iterator[RecordGroup]:
    """The records of these studies column by column, whatever holds them."""
    if isinstance(records, Records):
        yield from records.of_studies(*studies).groups()
        return
    members: dict[GroupName, list[Record]] = {}
    for record in records_of_studies(records, *studies):
        members.setdefault(record.group, []).append(record)
    for name, group in members.items():
        names = dict.fromkeys(value for record in group for value in record.values)
        columns = {value: [record.values.get(value) for record in group] for value in names}
        yield RecordGroup(*name, [record.image for record in group], columns)
