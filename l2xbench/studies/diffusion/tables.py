"""The table of diffusion indices."""

from __future__ import annotations

import pandas as pd

from l2xbench.attribution.spread import diffusion_index
from l2xbench.draw.tables import Table
from l2xbench.store.records import records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.words import words


def diffusion_table(results: Results) -> Table:
    """`diffusion`."""
    lr = words(results.config.scale).lr
    caption = f"Diffusion index (Gu and Dong, 2021): how widely a patch's map is spread over the {lr} image."
    note = (
        "100 (1 - G), G the Gini coefficient of the map's absolute values, channels summed, as LAM's authors "
        "compute it; mean over images."
    )
    return Table("diffusion", diffusion_frame(results), caption, notes=[note])


def diffusion_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network and method: the mean diffusion index; none unless the maps are of a patch."""
    explained = results.config.block(AttributionOptions)
    if explained is None or not explained.target.startswith("patch"):
        return pd.DataFrame()
    rows = [
        (r.dataset, r.model, r.label, diffusion_index(results.store.load_arrays(r.files["attribution"])["values"]))
        for r in records_of_studies(results.shown, "attribution")
        if "attribution" in r.files
    ]
    keys = ["dataset", "model", "method"]
    groups = pd.DataFrame(rows, columns=[*keys, "diffusion_index"]).groupby(keys, sort=False)
    means = groups.mean().reset_index()
    means["images"] = groups.size().tolist()
    return means
