"""From records of attributed crops to the CKA and dCKA of each pair of networks."""

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
from l2xbench.studies.similarity.cka import align, cka, gram
from l2xbench.studies.similarity.deconfounded import align_deconfounded
from l2xbench.studies.similarity.options import CONTROL, TWIN, UNTRAINED, SimilarityOptions, twin_of
from l2xbench.system.files import unwritable

VERSION = 3
"""The version of the numbers made here; a new one makes kept ones stale."""

MOST_CHANCE = 0.1
"""Where unrelated networks would reach more than this, the samples are too few for the estimator."""
FEWEST_IMAGES = 8
"""With fewer images there are too few orders of them for a test, and single crops are resampled."""
TOO_FEW = "m too small"

_NUMBERS = ("cka", "low", "high", "p_value", "chance")
_WITHOUT_CONTROL = (
    *("biased", "unbiased", "dcka", "dcka_low", "dcka_high", "dcka_p_value", "dcka_chance"),
    *("control_a", "control_b"),
)
_ABOUT = ("samples", "images", "resampled", "estimator", "signs", "warning")
COLUMNS = ("dataset", "model_a", "model_b", *_NUMBERS, *_WITHOUT_CONTROL, *_ABOUT)
# What decides a pair's numbers, given the records.
_DECIDING = ("of", "signs", "estimator", "resample", "permutations", "bootstrap", "confidence")

_Kept = Mapping[str, Record]  # image -> record


def similarity_frame(results: Results) -> pd.DataFrame:
    """A row a dataset and pair: networks in the study's order, their untrained twins, the control last; `COLUMNS`.

    The Gram matrices are made network by network and wait on disk; three are in memory at a time, however many networks
    there are. A pair's numbers are kept as a record, so that they are computed once.
    """
    rows: list[dict[str, Any]] = []
    options, manifest = results.config.block(SimilarityOptions), results.manifest
    if options is None:
        return pd.DataFrame(columns=list(COLUMNS))
    found: dict[str, dict[str, dict[str, Record]]] = {}
    for record in records_of_studies(results.records, "similarity"):
        if "twinless" in record.values:
            continue
        name = twin_of(record.model) if record.label == UNTRAINED else record.model
        found.setdefault(record.dataset, {}).setdefault(name, {})[record.image] = record
    names = [*manifest.models, *(twin_of(name) for name in manifest.models)]
    for dataset in manifest.datasets:
        kept = found.get(dataset, {})
        networks = {name: kept[name] for name in names if name in kept}
        rows += _dataset_rows(results.store, dataset, networks, options, manifest.seed)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(dict.fromkeys((*_NUMBERS, *_WITHOUT_CONTROL), float))


def twinless(results: Results) -> dict[str, str]:
    """The networks that have no untrained twin, and why."""
    records = records_of_studies(results.records, "similarity")
    return {record.model: str(record.values["twinless"]) for record in records if "twinless" in record.values}


def _dataset_rows(
    store: Store, dataset: str, networks: Mapping[str, _Kept], options: SimilarityOptions, seed: int
) -> list[dict[str, Any]]:
    if len(networks) < 2:
        return []
    # every network has seen the same crops, so any record of an image tells its x - x'
    control: dict[str, Record] = {}
    for kept in networks.values():
        for image, record in kept.items():
            control.setdefault(image, record)
    entries = {**networks, CONTROL: control}
    pairs = {}
    for a, b in combinations(entries, 2):
        images = [image for image in entries[a] if image in entries[b]]
        deciding = {name: getattr(options, name) for name in _DECIDING}
        keys = [(entries[a][image].key, entries[b][image].key) for image in images]
        options_of_pair = {**deciding, "seed": seed, "records": keys}
        unit = Unit("cka", VERSION, dataset, _file_name(b), _file_name(a), options=options_of_pair)
        if images:
            pairs[a, b] = (unit, images)
    known = {pair: store.find(unit, unit.key("", "")) for pair, (unit, _) in pairs.items()}
    owed = [pair for pair, record in known.items() if record is None]
    if owed:
        with store.scratch_folder() as folder:
            files = {name: folder / f"{place}.npy" for place, name in enumerate(entries)}
            for name in dict.fromkeys(name for pair in [*owed, (CONTROL,)] for name in pair):
                _save(files[name], gram_of_maps(store, entries[name], None if name == CONTROL else options))
            for a, b in owed:
                unit, images = pairs[a, b]
                k, l, d = (_part(files[name], entries[name], images) for name in (a, b, CONTROL))  # noqa: E741
                values = _numbers(k, l, d, len(images), options, seed)
                known[a, b] = store.add_record(unit, unit.key("", ""), {}, values)
    rows = [
        {"dataset": dataset, "model_a": a, "model_b": b, **record.values}
        for (a, b), record in known.items()
        if record is not None
    ]
    return sorted(rows, key=lambda row: max(calibrates(row["model_a"]), calibrates(row["model_b"])))


def calibrates(name: str) -> int:
    """0 for a network, 1 for an untrained twin, 2 for the control: what the networks' numbers are held against."""
    return 2 if name == CONTROL else int(name.endswith(TWIN))


def of_kinds(frame: pd.DataFrame, kind_a: int, kind_b: int) -> pd.DataFrame:
    """The rows whose two `calibrates` are these: 0 and 0 for pairs of networks."""
    kinds = [(calibrates(a), calibrates(b)) for a, b in zip(frame["model_a"], frame["model_b"], strict=True)]
    return frame[[kind == (kind_a, kind_b) for kind in kinds]]


def _file_name(name: str) -> str:
    """Some file systems have no `*`."""
    return name.replace(TWIN, ".untrained")


def _save(path: Path, matrix: NDArray[np.float64]) -> None:
    try:
        np.save(path, matrix)
    except OSError as error:  # NumPy's own on a full disk has no number
        raise unwritable(path, error) from error


def gram_of_maps(store: Store, kept: _Kept, options: SimilarityOptions | None) -> NDArray[np.float64]:
    """The Gram matrix of a network's maps, or, without options, that of |x - x'|."""
    records = list(kept.values())

    def rows(part: int) -> NDArray[np.float64]:
        arrays = store.load_arrays(records[part].files["similarity"])
        if options is None:
            return selected(arrays["difference"], "absolute")
        values = arrays["values"]
        if options.of == "multipliers":
            values = multipliers(values, arrays["difference"])
        return selected(values, options.signs)

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
    control: NDArray[np.float64],
    images: int,
    options: SimilarityOptions,
    seed: int,
) -> dict[str, float | int | str | None]:
    m = len(k)
    together = options.resample == "images" and images >= FEWEST_IMAGES
    groups = np.repeat(np.arange(images), m // images) if together else np.arange(m)
    how: dict[str, Any] = {
        "permutations": options.permutations,
        "bootstrap": options.bootstrap,
        "confidence": options.confidence,
        "seed": seed,
    }
    found = align(k, l, groups.tolist(), options.estimator, **how)
    beyond = align_deconfounded(k, l, control, groups.tolist(), **how)
    numbers = {
        **{name: getattr(found, name) for name in _NUMBERS},
        "biased": cka(k, l, "biased"),
        "unbiased": cka(k, l, "unbiased"),
        "dcka": beyond.cka,
        "dcka_low": beyond.low,
        "dcka_high": beyond.high,
        "dcka_p_value": beyond.p_value,
        "dcka_chance": beyond.chance,
        "control_a": cka(k, control, "unbiased"),
        "control_b": cka(l, control, "unbiased"),
    }
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


def multipliers(values: NDArray[np.floating[Any]], difference: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """m of maps m (x - x'), of one shape with x - x'; 0 where x = x', where a map tells nothing of m.

    Examples:
        >>> multipliers(np.array([6.0, 0.0]), np.array([-2.0, 0.0])).tolist()
        [-3.0, 0.0]
    """
    safe = np.where(difference == 0, 1, difference).astype(np.float64)
    return np.where(difference == 0, 0.0, values / safe)


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
