"""The figures that layers with layers owe: one for each dataset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.layers.figure import layers_figure
from l2xbench.studies.layers.grids import layer_grids
from l2xbench.studies.similarity.options import SimilarityOptions

VERSION = 2
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`cka-layers-<dataset>`."""
    wanted = results.config.block(SimilarityOptions) or SimilarityOptions()
    for dataset, each in groupby(results.once(layer_grids), key=lambda grid: grid.dataset):
        grids = list(each)
        name = f"cka-layers-{dataset}"
        drawn = {"records": [list(grid.keys) for grid in grids], "of": [(g.model_a, g.model_b) for g in grids]}
        files = DerivedFiles("layers-figure", VERSION, name, figure_paths(name), drawn, dataset)
        title = f"{dataset}: layers with layers, by {wanted.of}"
        yield OwedFigure(files, name, drawn_by(layers_figure, grids, title), f"layers on {dataset}")
