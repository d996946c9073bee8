"""Records of one results folder for another of the same study, so that a part of it is not computed again there."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from l2xbench.errors import RequestError
from l2xbench.run.results import read_runs
from l2xbench.store.extract import extracts
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName


def take_over(store: Store, root: Path, groups: Collection[GroupName]) -> int:
    """Takes over the records of `groups` that the folder `root` has and `store` has none of.

    Whether they are of the same work, the run finds by their keys, as with its own.

    Args:
        store: where they go; its folder is this process's alone.
        root: a results folder, or none.
        groups: what is owed.

    Returns:
        how many units were taken over.
    """
    lacking = {group for group in groups if not store.rows(group).blocks}
    try:
        runs = [run.records for run in read_runs(Store(root))]
        found = [extract for extract in extracts(runs) if extract.group in lacking]
        for extract in found:
            store.take(extract, root, linked=True)
    except RequestError:
        return 0  # there are none, or they are another version's: what is owed is computed here
    return sum(len(block.rows[0]) for extract in found for block in extract.blocks)
