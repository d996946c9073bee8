"""The table of how maps change with the network."""

from __future__ import annotations

from typing import Any

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.records import records_of_studies
from l2xbench.store.results import Results
from l2xbench.words import words

UNCHANGED = 0.9
"""From this rank correlation with the trained network's map on, a map counts as unchanged."""

_UNCHANGED_NOTE = (
    "Spearman's, over {lr} pixels, channels summed; mean over images. Layers: the share drawn anew, with the "
    f"parameters' own mean and deviation. A method fails if its signed maps still correlate by {UNCHANGED} or more "
    "when all are: they show the image, not what the network has learned."
)


def randomisation_table(results: Results) -> Table:
    """`randomisation`."""
    caption = (
        "Rank correlation of maps with those of the network with layers drawn anew, from the output down "
        "(Adebayo et al., 2018)."
    )
    note = _UNCHANGED_NOTE.format(lr=words(results.config.scale).lr)
    return Table("randomisation", randomisation_frame(results), caption, notes=[note])


def randomisation_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network, method and depth: mean rank correlations, and at the last depth the verdict."""
    rows = []
    for record in records_of_studies(results.shown, "randomisation"):
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
