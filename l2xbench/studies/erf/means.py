"""The mean field of each dataset, network and kind: one field at a time is in memory."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.erf.area import squares_holding
from l2xbench.studies.erf.field import RunningMean

SHARE = 0.99
"""The share of a field that networks are compared by."""


@dataclass(frozen=True)
class MeanField:
    """A field over the images of a dataset.

    Attributes:
        dataset: the images'.
        model: the network.
        of: `gradient` or `multipliers`.
        field: (h, w), the mean.
        images: how many it is over.
        keys: of the records it is made of.
        radii: image -> LR pixels from the centre that hold `SHARE` of its own field; NaN where no square does.
    """

    dataset: str
    model: str
    of: str
    field: NDArray[np.float64]
    images: int
    keys: tuple[str, ...]
    radii: Mapping[str, float]


def mean_fields(results: Results) -> list[MeanField]:
    """The means in the study's order."""
    means: dict[tuple[str, str, str], RunningMean] = {}
    keys: dict[tuple[str, str, str], list[str]] = {}
    radii: dict[tuple[str, str, str], dict[str, float]] = {}
    for record in records_of_studies(results.shown, "erf"):
        name = (record.dataset, record.label, record.model)
        field = results.store.load_arrays(record.files["erf"])["field"]
        means.setdefault(name, RunningMean()).add(field)
        (square,) = squares_holding(field, [SHARE])
        radii.setdefault(name, {})[record.image] = math.nan if square.radius is None else square.radius
        keys.setdefault(name, []).append(record.key)
    datasets, models = list(results.manifest.datasets), list(results.manifest.models)
    ordered = sorted(means, key=lambda name: (datasets.index(name[0]), name[1], models.index(name[2])))
    return [
        MeanField(
            dataset, model, of, mean.value, mean.count, tuple(keys[dataset, of, model]), radii[dataset, of, model]
        )
        for dataset, of, model in ordered
        for mean in [means[dataset, of, model]]
    ]
