"""What the records say of each patch: its blocks' effects, and how well each method's map agrees with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import nan
from statistics import median
from typing import NamedTuple

import numpy as np

from l2xbench.attribution.methods.intervention import Effects
from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.referee.agreement import Agreement, agreement, block_sums, outside
from l2xbench.studies.referee.options import RefereeOptions
from l2xbench.studies.referee.units import INTERVENTIONS, PARTS


class PatchName(NamedTuple):
    """A patch and a network."""

    dataset: str
    image: str
    window: str
    """Left, top and side in SR pixels."""
    model: str


@dataclass
class Patch:
    """A patch's records.

    Attributes:
        name: of patch and network.
        interventions: the units that its interventions are divided into.
        maps: method -> the record of its map.
    """

    name: PatchName
    interventions: list[Record] = field(default_factory=list)
    maps: dict[str, Record] = field(default_factory=dict)

    def effects(self, results: Results) -> Effects:
        """The effects of all blocks: each is of one part."""
        arrays = [results.store.load_arrays(record.files["referee"]) for record in self.interventions]
        effect = np.full(arrays[0]["effect"].shape, np.nan)
        draws = np.zeros(effect.shape, dtype=int)
        for each in arrays:
            there = ~np.isnan(each["effect"])
            effect[there], draws[there] = each["effect"][there], each["draws"][there]
        passes = sum(_number(record, "passes") for record in self.interventions)
        return Effects(effect, draws, _number(self.interventions[0], "psnr"), int(passes))

    @property
    def seconds(self) -> float:
        """What the network took for the interventions."""
        return sum(_number(record, "seconds") for record in self.interventions)

    @property
    def gradients(self) -> float:
        """The same in gradients of the patch, of which one was timed beside each map; NaN where there is no map."""
        timed = [_number(record, "gradient_seconds") for record in self.maps.values()]
        return self.seconds / median(timed) if timed else nan


@dataclass(frozen=True)
class Judged:
    """A method's map of a patch against the interventions.

    Attributes:
        name: of patch and network.
        method: whose map it is.
        everywhere: over all blocks.
        outside: over those that have no LR pixel under the patch.
        gradients: what the map takes, in gradients of the same patch.
        seconds: the same.
    """

    name: PatchName
    method: str
    everywhere: Agreement
    outside: Agreement
    gradients: float
    seconds: float


def in_gradients(record: Record) -> float:
    """A unit's seconds in those of a gradient that was timed beside it."""
    return _number(record, "seconds") / _number(record, "gradient_seconds")


def whole_patches(results: Results) -> list[Patch]:
    """The patches whose interventions are all there, in the study's order."""
    found: dict[PatchName, Patch] = {}
    for record in records_of_studies(results.shown, "referee"):
        if record.values.get("window") is not None:
            name = PatchName(record.dataset, record.image, str(record.values["window"]), record.model)
            patch = found.setdefault(name, Patch(name))
            if record.values["of"] == INTERVENTIONS:
                patch.interventions.append(record)
            else:
                patch.maps[str(record.values["of"])] = record
    order: Mapping[str, list[str]] = {
        "datasets": list(results.manifest.datasets),
        "models": list(results.manifest.models),
    }
    whole = [patch for patch in found.values() if len(patch.interventions) == PARTS]
    return sorted(
        whole, key=lambda each: (order["datasets"].index(each.name.dataset), order["models"].index(each.name.model))
    )


def judged(results: Results) -> list[Judged]:
    """Every map against the interventions on its patch."""
    wanted = results.config.block(RefereeOptions)
    return [] if wanted is None else list(_judged(results, wanted))


def _judged(results: Results, wanted: RefereeOptions) -> Iterator[Judged]:
    for patch in results.once(whole_patches):
        effect = patch.effects(results).effect
        x, y, size = (int(part) for part in patch.name.window.split(","))
        there = outside((effect.shape[0], effect.shape[1]), wanted.block, (y, x, size, size), results.config.scale)
        for method in wanted.methods:
            record = patch.maps.get(method)
            if record is None:
                continue
            sums = block_sums(results.store.load_arrays(record.files["referee"])["map"], wanted.block)
            yield Judged(
                name=patch.name,
                method=method,
                everywhere=agreement(sums.ravel(), effect.ravel(), wanted.least),
                outside=agreement(sums[there], effect[there], wanted.least),
                gradients=in_gradients(record),
                seconds=_number(record, "seconds"),
            )


def _number(record: Record, name: str) -> float:
    found = record.number(name)
    assert found is not None
    return found
