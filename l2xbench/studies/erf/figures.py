"""The figures that receptive fields owe: one for each dataset and kind."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.erf.area import squares_holding
from l2xbench.studies.erf.figure import FieldPicture, field_figure
from l2xbench.studies.erf.means import mean_fields
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.words import words

VERSION = 2
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`erf-<dataset>-<kind>`."""
    scale = results.config.scale
    for (dataset, of), each in groupby(results.once(mean_fields), key=lambda mean: (mean.dataset, mean.of)):
        means = list(each)
        pictures = [FieldPicture(mean.model, mean.field, squares_holding(mean.field)) for mean in means]
        name = f"erf-{dataset}-{of}"
        drawn = {"records": [list(mean.keys) for mean in means], "names": [mean.model for mean in means]}
        files = DerivedFiles("erf-figure", VERSION, name, figure_paths(name), drawn, dataset)
        images = max(mean.images for mean in means)
        over = f"mean over {images} image{'' if images == 1 else 's'}"
        title = f"{dataset}: {of} of the centre {words(scale).sr} pixel, {over}"
        yield OwedFigure(files, name, drawn_by(field_figure, pictures, title, scale), f"receptive fields on {dataset}")
