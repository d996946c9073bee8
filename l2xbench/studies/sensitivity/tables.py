"""The table of sensitivity-n."""

from __future__ import annotations

from typing import Any

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.records import records_of_studies
from l2xbench.store.results import Results


def sensitivity_table(results: Results) -> Table:
    """`sensitivity`."""
    caption = (
        "Sensitivity-n (Ancona et al., 2018): correlation of the sum of n attributions with what the objective "
        "loses when those features become the reference."
    )
    note = "Pearson's over random subsets, mean over images; at n = all features (share 1) the ratio of the two."
    return Table("sensitivity", sensitivity_frame(results), caption, notes=[note])


def sensitivity_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network, method and share n / all: the mean correlation."""
    rows = []
    for record in records_of_studies(results.shown, "sensitivity"):
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
