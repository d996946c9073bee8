"""From records of attributed crops to the CKA of each pair of networks."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.store.units import Unit
from l2xbench.studies.similarity.cka import align, gram
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.system.files import unwritable

VERSION = 1
"""The version of the numbers made here; a new one makes kept ones stale."""

MOST_CHANCE = 0.1
"""Where unrelated networks would reach more than this, the samples are too few for the estimator."""
FEWEST_IMAGES = 8
"""With fewer images there are too few orders of them for a test, and single crops are resampled."""
TOO_FEW = "m too small"

_NUMBERS = ("cka", "low", "high", "p_value", "chance")
_ABOUT = ("samples", "images", "resampled", "estimator", "signs", "warning")
COLUMNS = ("dataset", "model_a", "model_b", *_NUMBERS, *_ABOUT)
# What decides a pair's numbers, given the records.
_DECIDING = ("signs", "estimator", "resample", "permutations", "bootstrap", "confidence")

_Kept = Mapping[str, Record]  # image -> record


def similarity_frame(results: Results) -> pd.DataFrame:
    """A row a dataset and pair of networks, in the study's order: `COLUMNS`.

    The Gram matrices are made network by network and wait on disk; two are in memory at a time, however many networks
    there are. A pair's numbers are kept as a record, so that they are computed once.
    """
    rows: list[dict[str, Any]] = []
    options, manifest = results.config.block(SimilarityOptions), results.manifest
    if options is None:
        return pd.DataFrame(columns=list(COLUMNS))
    found: dict[str, dict[str, dict[str, Record]]] = {}
    for record in records_of_studies(results.records, "similarity"):
        found.setdefault(record.dataset, {}).setdefault(record.model, {})[record.image] = record
    for dataset in manifest.datasets:
        kept = found.get(dataset, {})
        networks = {name: kept[name] for name in manifest.models if name in kept}
        rows += _dataset_rows(results.store, dataset, networks, options, manifest.seed)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys(_NUMBERS, float))


def _dataset_rows(
    store: Store, dataset: str, networks: Mapping[str, _Kept], options: SimilarityOptions, seed: int
) -> list[dict[str, Any]]:
    pairs = {}
    for a, b in combinations(networks, 2):
        images = [image for image in networks[a] if image in networks[b]]
        deciding = {name: getattr(options, name) for name in _DECIDING}
        keys = [(networks[a][image].key, networks[b][image].key) for image in images]
        unit = Unit("cka", VERSION, dataset, b, a, options={**deciding, "seed": seed, "records": keys})
        if images:
            pairs[a, b] = (unit, images)
    known = {pair: store.find(unit, unit.key("", "")) for pair, (unit, _) in pairs.items()}
    owed = [pair for pair, record in known.items() if record is None]
    if owed:
        with store.scratch_folder() as folder:
            for name in dict.fromkeys(name for pair in owed for name in pair):
                _save(folder / f"{name}.npy", _gram(store, networks[name], options.signs))
            for a, b in owed:
                unit, images = pairs[a, b]
                k, l = (_part(folder / f"{name}.npy", networks[name], images) for name in (a, b))  # noqa: E741
                values = _numbers(k, l, len(images), options, seed)
                known[a, b] = store.add_record(unit, unit.key("", ""), {}, values)
    return [
        {"dataset": dataset, "model_a": a, "model_b": b, **record.values}
        for (a, b), record in known.items()
        if record is not None
    ]


def _save(path: Path, matrix: NDArray[np.float64]) -> None:
    try:
        np.save(path, matrix)
    except OSError as error:  # NumPy's own on a full disk has no number
        raise unwritable(path, error) from error


def _gram(store: Store, kept: _Kept, signs: str) -> NDArray[np.float64]:
    records = list(kept.values())

    def rows(part: int) -> NDArray[np.float64]:
        return selected(store.load_arrays(records[part].files["similarity"])["values"], signs)

    return gram(rows, [_crops(record) for record in records])


def _part(file: Path, kept: _Kept, images: list[str]) -> NDArray[np.float64]:
    """A network's Gram matrix, of the images that both networks of a pair have."""
    whole: NDArray[np.float64] = np.load(file)
    if list(kept) == images:
        return whole
    ends = np.cumsum([_crops(record) for record in kept.values()])
    starts = dict(zip(kept, ends, strict=True))
    chosen = np.concatenate([np.arange(starts[image] - _crops(kept[image]), starts[image]) for image in images])
    return np.asarray(whole[np.ix_(chosen, chosen)])


def _crops(record: Record) -> int:
    crops = record.values["crops"]
    assert isinstance(crops, int)
    return crops


def _numbers(
    k: NDArray[np.float64],
    l: NDArray[np.float64],  # noqa: E741
    images: int,
    options: SimilarityOptions,
    seed: int,
) -> dict[str, float | int | str | None]:
    m = len(k)
    together = options.resample == "images" and images >= FEWEST_IMAGES
    groups = np.repeat(np.arange(images), m // images) if together else np.arange(m)
    found = align(
        k,
        l,
        groups.tolist(),
        options.estimator,
        permutations=options.permutations,
        bootstrap=options.bootstrap,
        confidence=options.confidence,
        seed=seed,
    )
    numbers = {name: getattr(found, name) for name in _NUMBERS}
    warning = TOO_FEW if found.chance > MOST_CHANCE else ""
    return {
        **{name: value if math.isfinite(value) else None for name, value in numbers.items()},
        "samples": m,
        "images": images,
        "resampled": "images" if together else "crops",
        "estimator": options.estimator,
        "signs": options.signs,
        "warning": "not defined" if math.isnan(found.cka) else warning,
    }


def selected(values: NDArray[np.floating[Any]], signs: str) -> NDArray[np.float64]:
    """Maps (crops, ...) as rows of the attribution matrix R, (crops, n): what counts of them, the rest zero.

    `positive` and `negative` keep one sign, `absolute` drops it, `signed` keeps all.
    """
    rows = values.reshape(len(values), -1).astype(np.float64)
    if signs == "positive":
        return np.maximum(rows, 0)
    if signs == "negative":
        return np.minimum(rows, 0)
    return np.abs(rows) if signs == "absolute" else rows
