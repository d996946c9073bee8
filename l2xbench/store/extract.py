"""What of a results folder goes to another: the records that count, as journals of their own, and their files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

from l2xbench.errors import RequestError
from l2xbench.store.journal import DONE, FileColumn, JournalBlock
from l2xbench.store.paths import outcome_path, split_at_image
from l2xbench.store.records import Record, Records
from l2xbench.store.rows import ROWS_A_BLOCK
from l2xbench.store.units import GroupName, Unit


@dataclass(frozen=True)
class Extract:
    """The records of one group."""

    group: GroupName
    blocks: Sequence[JournalBlock]
    """The whole journal: no row that is stale, damaged or failed."""
    files: Sequence[str]
    """Paths below the results folder of all files that the rows name."""


def extracts(runs: Sequence[Records], left_out: Callable[[str], bool] = lambda path: False) -> Iterator[Extract]:
    """The records of several runs of one folder, each once, in an order that hangs on nothing but their names.

    Args:
        runs: a record is taken where one of them counts it.
        left_out: whether a file of this path is not to go along; its record goes, and names it no more.

    Raises:
        RequestError: a record is none that a run leaves.
    """
    for group in sorted({name for run in runs for name, _ in run.wanted}):
        found: dict[str, Record] = {}
        for run in runs:
            for record in run.of_group(group):
                if not is_usual(record):
                    raise RequestError(f"records: {' '.join(filter(None, group))} {record.image}: not a run's record")
                found.setdefault(record.image, _without(record, left_out))
        if found:
            records = list(found.values())
            files = [path for record in records for path in record.files.values()]
            yield Extract(group, journal_of(records), files)


def journal_of(records: Iterable[Record]) -> list[JournalBlock]:
    """The journal of a group's records, in few blocks."""
    alike: dict[Any, list[Record]] = {}
    for record in records:
        paths = tuple((what, tuple(split_at_image(path, record.image))) for what, path in record.files.items())
        alike.setdefault((record.key.partition(".")[0], tuple(record.values), paths), []).append(record)
    return [
        _block(recipe, names, paths, members[start : start + ROWS_A_BLOCK])
        for (recipe, names, paths), members in alike.items()
        for start in range(0, len(members), ROWS_A_BLOCK)
    ]


def is_usual(record: Record) -> bool:
    """Whether a record is such as a run leaves: numbers and text, and files where a run puts them.

    A results folder from elsewhere may say anything; a file of another place could be written over one that is not
    its own.
    """
    unit = Unit(record.study, 0, record.dataset, record.image, record.model, record.label)
    return all(map(_is_value, record.values.values())) and all(
        PurePosixPath(path).suffix in (".png", ".npz")
        and path == outcome_path(unit, what, PurePosixPath(path).suffix).as_posix()
        for what, path in record.files.items()
    )


def _without(record: Record, left_out: Callable[[str], bool]) -> Record:
    kept = {what: path for what, path in record.files.items() if not left_out(path)}
    return replace(record, files=kept, sizes={what: record.sizes[what] for what in kept})


def _block(
    recipe: str, names: Sequence[str], paths: Sequence[tuple[str, Sequence[str]]], records: Sequence[Record]
) -> JournalBlock:
    files = {
        what: FileColumn(path=list(path), sizes=[record.sizes[what] for record in records]) for what, path in paths
    }
    values = {name: [record.values[name] for record in records] for name in names}
    digests = [record.key.partition(".")[2] for record in records]
    return JournalBlock.from_rows(DONE, recipe, [record.image for record in records], digests, files, values)


def _is_value(value: object, depth: int = 2) -> bool:
    if isinstance(value, list):
        return depth > 0 and all(_is_value(each, depth - 1) for each in value)
    return value is None or isinstance(value, (int, float, str, bool))
