"""Tables as frames: numbers from groups of records, and rows in the study's order."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from l2xbench.store.manifest import Manifest
from l2xbench.store.records import Record, RecordGroup


def numbers(group: RecordGroup, name: str) -> pd.Series[float]:
    """A column as numbers; None is no number."""
    return pd.Series(group.numbers(name), dtype=float)


def patch_count(records: Iterable[Record]) -> int:
    """How many patches of all images together these records are of."""
    patches: list[Any] = [record.values["patches"] for record in records]
    return sum(map(len, patches))


def in_study_order(frame: pd.DataFrame, manifest: Manifest) -> pd.DataFrame:
    """Rows in the study's order of datasets and networks, whatever order the units were done in."""
    places = {"dataset": list(manifest.datasets), "model": list(manifest.models)}
    keys = {name: frame[name].map({each: place for place, each in enumerate(order)}) for name, order in places.items()}
    order = pd.DataFrame(keys).sort_values(["dataset", "model"], kind="stable").index
    return frame.loc[order].reset_index(drop=True)
