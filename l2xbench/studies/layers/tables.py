"""The tables of layers with layers: every pair, and whether the same layers of two trainings find each other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.layers.grids import found_each_other, layer_grids
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.words import words

_DIGITS = 3


def layers_frame(results: Results) -> pd.DataFrame:
    """A row a dataset and pair of layers, from input to output."""
    frames = []
    for grid in results.once(layer_grids):
        a, b = (part.ravel() for part in np.indices(grid.cka.shape))
        frames.append(
            pd.DataFrame(
                {
                    "dataset": grid.dataset,
                    "model_a": grid.model_a,
                    "layer_a": np.array(grid.layers_a)[a],
                    "model_b": grid.model_b,
                    "layer_b": np.array(grid.layers_b)[b],
                    "cka": grid.cka.ravel(),
                    "dcka": grid.dcka.ravel(),
                    "images": grid.images,
                }
            )
        )
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def found_frame(results: Results) -> pd.DataFrame:
    """A row a dataset and two networks of one build."""
    rows = [
        {
            "dataset": grid.dataset,
            "model_a": grid.model_a,
            "model_b": grid.model_b,
            "layers": len(grid.layers_a),
            "chance": 1 / len(grid.layers_a),
            "found_cka": found_each_other(grid.cka),
            "found_dcka": found_each_other(grid.dcka),
            "same_cka": float(np.diag(grid.cka).mean()),
            "same_dcka": float(np.diag(grid.dcka).mean()),
            "images": grid.images,
        }
        for grid in results.once(layer_grids)
        if grid.alike and grid.model_a != grid.model_b and len(grid.layers_a) > 1
    ]
    return pd.DataFrame(rows)


def layer_tables(results: Results) -> list[Table]:
    """`cka_layers` and `cka_layers_found`; a table without rows is left out."""
    wanted, lr = results.config.block(SimilarityOptions) or SimilarityOptions(), words(results.config.scale).lr
    compared = "what layers give" if wanted.of == "features" else f"layers' {wanted.signs} attributions"
    control = "the crops" if wanted.of == "features" else "|x - x'|"
    note = (
        f"Of {compared} on {wanted.crops} crops of {wanted.size} x {wanted.size} {lr} pixels of each image; HSIC "
        f"unbiased in each image and averaged over images (Nguyen et al. 2021). dCKA: {control} regressed out."
    )
    every = Table(
        "cka_layers",
        results.once(layers_frame),
        "How alike layers are, within a network and between two.",
        notes=[note],
        digits=_DIGITS,
    )
    found = Table(
        "cka_layers_found",
        results.once(found_frame),
        "Do the same layers of two networks of one build find each other?",
        notes=[
            note,
            (
                "Found: the share of layers whose most similar layer in the other network is the same one, both ways "
                "(Kornblith et al. 2019); same: the mean over the same layers."
            ),
        ],
        digits=_DIGITS,
    )
    return [table for table in (every, found) if len(table.frame)]
