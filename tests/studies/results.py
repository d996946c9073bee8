"""Results of made records, as a study's tables and figures take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from l2xbench.config import INTERPOLATION
from l2xbench.store.manifest import Manifest, ManifestDataset, ManifestModel
from l2xbench.store.records import Record, Records
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.reading import parse_study


def results_of(
    records: Sequence[Record],
    models: Sequence[str],
    store: Store | None = None,
    datasets: Mapping[str, str | None] | None = None,
    **blocks: Any,
) -> Results:
    """These records as those of a run.

    Args:
        records: of its networks and datasets.
        models: the networks' names, without the interpolation.
        store: where the records' files are, if they have any.
        datasets: dataset -> its note; `set`, a part, by default.
        blocks: of the study.
    """
    datasets = {"set": "a part"} if datasets is None else datasets
    given = {"study": "made", "models": dict.fromkeys(models, "edsr"), "datasets": dict.fromkeys(datasets, "skimage")}
    manifest = Manifest(
        l2xbench="0.0",
        finished="2026-01-02T00:00:00+00:00",
        device="cpu",
        threads=1,
        seed=0,
        models={name: ManifestModel(identity=name, weights=f"{name}.pth") for name in (INTERPOLATION, *models)},
        datasets={name: ManifestDataset(note=note, images={}) for name, note in datasets.items()},
        study=parse_study({**given, **blocks}),
    )
    return Results(store or Store(Path("nowhere")), "manifest.json", manifest, cast(Records, list(records)))
