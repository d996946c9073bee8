"""Records as groups and tables as frames, in the study's order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from l2xbench.store.manifest import Manifest
from l2xbench.store.records import Record, RecordGroup
from l2xbench.store.units import GroupName


def numbers(group: RecordGroup, name: str) -> pd.Series[float]:
    """A column as numbers; None is no number."""
    return pd.Series(group.numbers(name), dtype=float)


def patch_count(records: Iterable[Record]) -> int:
    """How many patches of all images together these records are of."""
    patches: list[Any] = [record.values["patches"] for record in records]
    return sum(map(len, patches))


def by_unit(records: Iterable[Record], manifest: Manifest) -> list[list[Record]]:
    """The records of each dataset, network and label, in the study's order; labels as they were planned."""
    groups: dict[GroupName, list[Record]] = {}
    for record in records:
        groups.setdefault(record.group, []).append(record)
    datasets, models = list(manifest.datasets), list(manifest.models)
    names = sorted(groups, key=lambda name: (datasets.index(name.dataset), models.index(name.model)))
    return [groups[name] for name in names]


def in_study_order(frame: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """Rows in the study's order of datasets and networks, whatever order the units were done in."""
    places = {"dataset": list(manifest.datasets), "model": list(manifest.models)}
    keys = {name: frame[name].map({each: place for place, each in enumerate(order)}) for name, order in places.items()}
    order = pd.DataFrame(keys).sort_values(["dataset", "model"], kind="stable").index
    return frame.loc[order].reset_index(drop=True)
