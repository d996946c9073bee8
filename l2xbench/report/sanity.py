"""Tables of what a map must stand: parameter randomisation, sensitivity-n, and LAM's diffusion index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.store import Store

UNCHANGED = 0.9
"""From this rank correlation with the trained network's map on, a map counts as unchanged."""

_UNCHANGED_NOTE = (
    "Spearman's, over LR pixels, channels summed; mean over images. Layers: the share drawn anew, with the "
    f"parameters' own mean and deviation. A method fails if its signed maps still correlate by {UNCHANGED} or more "
    "when all are: they show the image, not what the network has learned."
)


def sanity_tables(store: Store, records: Iterable[Record], manifest: Mapping[str, Any]) -> list[Table]:
    """`randomisation`, `sensitivity` and `diffusion` where there are records for them."""
    found = [
        Table(
            "randomisation",
            randomisation_frame(records),
            "Rank correlation of maps with those of the network with layers drawn anew, from the output down "
            "(Adebayo et al., 2018).",
            notes=[_UNCHANGED_NOTE],
        ),
        Table(
            "sensitivity",
            sensitivity_frame(records),
            "Sensitivity-n (Ancona et al., 2018): correlation of the sum of n attributions with what the objective "
            "loses when those features become the reference.",
            notes=[
                "Pearson's over random subsets, mean over images; at n = all features (share 1) the ratio of the two."
            ],
        ),
        Table(
            "diffusion",
            diffusion_frame(store, records, manifest),
            "Diffusion index (Gu and Dong, 2021): how widely a patch's map is spread over the LR image.",
            notes=[
                "100 (1 - G), G the Gini coefficient of the map's absolute values, channels summed; mean over images."
            ],
        ),
    ]
    return [table for table in found if not table.frame.empty]


def randomisation_frame(records: Iterable[Record]) -> pd.DataFrame:
    """A row a dataset, network, method and depth: mean rank correlations, and at the last depth the verdict."""
    rows = []
    for record in records_of_studies(records, "randomisation"):
        found: Any = record.values
        for depth, signed, absolute in zip(found["depths"], found["spearman"], found["spearman_absolute"], strict=True):
            rows.append((record.dataset, record.model, record.label, depth, signed, absolute))
    keys = ["dataset", "model", "method", "layers"]
    frame = pd.DataFrame(rows, columns=[*keys, "spearman", "spearman_absolute"])
    if frame.empty:
        return frame
    means = frame.groupby(keys, sort=False).mean().reset_index()
    means["images"] = frame.groupby(keys, sort=False).size().tolist()
    verdicts = ["fails" if value >= UNCHANGED else "changes" for value in means["spearman"]]
    means["verdict"] = [word if layers == 1 else "" for word, layers in zip(verdicts, means["layers"], strict=True)]
    return means


def sensitivity_frame(records: Iterable[Record]) -> pd.DataFrame:
    """A row a dataset, network, method and share n / all: the mean correlation."""
    rows = []
    for record in records_of_studies(records, "sensitivity"):
        found: Any = record.values
        for size, correlation in zip(found["sizes"], found["correlation"], strict=True):
            rows.append((record.dataset, record.model, record.label, size / found["sizes"][-1], correlation))
    keys = ["dataset", "model", "method", "share"]
    frame = pd.DataFrame(rows, columns=[*keys, "correlation"])
    if frame.empty:
        return frame
    groups = frame.groupby(keys, sort=False)
    means = groups.mean().reset_index()
    means["images"] = groups.size().tolist()
    return means


def diffusion_frame(store: Store, records: Iterable[Record], manifest: Mapping[str, Any]) -> pd.DataFrame:
    """A row a dataset, network and method: the mean diffusion index; none unless the maps are of a patch."""
    explained = manifest["study"]["attribution"]
    if explained is None or not explained["target"].startswith("patch"):
        return pd.DataFrame()
    rows = [
        (r.dataset, r.model, r.label, diffusion_index(store.load_arrays(r.files["attribution"])["values"]))
        for r in records_of_studies(records, "attribution")
    ]
    keys = ["dataset", "model", "method"]
    groups = pd.DataFrame(rows, columns=[*keys, "diffusion_index"]).groupby(keys, sort=False)
    means = groups.mean().reset_index()
    means["images"] = groups.size().tolist()
    return means


def diffusion_index(values: np.ndarray) -> float:
    """LAM's diffusion index of a map (C, H, W): 100 (1 - G), in [0, 100]; 100 where all pixels count alike.

    G is the Gini coefficient of the absolute values of the channels' sums (Gu and Dong, 2021, Eq. 9).
    """
    sizes = np.sort(abs(values.sum(axis=0)).ravel().astype(np.float64))
    total = sizes.sum()
    if total == 0:
        return 100.0
    count = len(sizes)
    gini = ((2 * np.arange(1, count + 1) - count - 1) * sizes).sum() / (count * total)
    return float(100 * (1 - gini))
