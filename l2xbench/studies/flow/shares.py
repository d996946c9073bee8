"""The blocks of each network over the images of a dataset: means of their parts, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.flow.groups import grouped
from l2xbench.studies.shared.frames import by_unit
from l2xbench.studies.shared.paired import interval

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class NetworkFlow:
    """What the records of one dataset and network hold, image by image."""

    dataset: str
    model: str
    names: tuple[str, ...]
    """The names of its blocks, from input to output."""
    kinds: tuple[str, ...]
    images: tuple[str, ...]
    keys: tuple[str, ...]
    """Those of the records."""
    numbers: dict[str, Numbers]
    """Name of a value -> (images, blocks)."""
    around: Numbers
    """(images,)."""
    skip: Numbers
    """(images,); NaN where the network has no skip connection of its own around its blocks."""
    delta: Numbers
    """(images,)."""

    @property
    def past(self) -> Numbers:
        """(images,) what passes by all blocks, without the network's own skip connection."""
        return self.around - np.nan_to_num(self.skip)

    @property
    def written(self) -> Numbers:
        """(images, blocks)."""
        return self.numbers["written"]

    def in_groups(self, most: int) -> dict[str, Numbers]:
        """Group of neighbouring blocks -> (images,) what they have written."""
        groups = grouped(self.names, most)
        places = {name: place for place, name in enumerate(self.names)}
        return {group: self.written[:, [places[name] for name in names]].sum(axis=1) for group, names in groups.items()}


def network_flows(results: Results) -> list[NetworkFlow]:
    """Those of a run, in the study's order. An image in which other blocks ran than in the first is left out."""
    flows = []
    for records in by_unit(records_of_studies(results.shown, "flow"), results.manifest):
        first = records[0]
        alike = [record for record in records if record.values["names"] == first.values["names"]]
        flows.append(network_flow(first.dataset, first.model, alike))
    return flows


def network_flow(dataset: str, model: str, records: list[Record]) -> NetworkFlow:
    """The records of one dataset and network as arrays."""
    first = records[0].values
    lists = [name for name, value in first.items() if isinstance(value, list)]
    return NetworkFlow(
        dataset=dataset,
        model=model,
        names=tuple(str(first["names"]).splitlines()),
        kinds=tuple(str(first["kinds"]).splitlines()),
        images=tuple(record.image for record in records),
        keys=tuple(record.key for record in records),
        numbers={name: np.array([floats(record.values.get(name)) for record in records]) for name in lists},
        around=np.array([float(record.number("around") or 0.0) for record in records]),
        skip=np.array([number if (number := record.number("skip")) is not None else np.nan for record in records]),
        delta=np.array([float(record.number("delta") or 0.0) for record in records]),
    )


def floats(values: Any) -> list[float]:
    """A list of a record as numbers; None is none."""
    return [float("nan") if value is None else float(value) for value in values or []]


def mean_and_interval(values: Numbers, seed: int) -> tuple[Numbers, Numbers, Numbers]:
    """Means over images with their 95 % intervals, (columns,) each; NaN where a column lacks an image.

    Args:
        values: (images, columns).
        seed: of the bootstrap.
    """
    mean = values.mean(axis=0)
    low, high = np.full_like(mean, np.nan), np.full_like(mean, np.nan)
    known = np.isfinite(mean)
    if len(values) > 1 and known.any():
        low[known], high[known] = interval(values[:, known], seed)
    return mean, low, high
