"""The figures that context ablation owes: one for each dataset."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.records import records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.context.curves import ContextCurve, by_network, context_curves
from l2xbench.studies.context.figure import context_figure
from l2xbench.studies.context.plotted import band_note, plotted_losses
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.shared.sentences import patches_of_images

VERSION = 3
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`context-<dataset>`, where there are HR images."""
    keys = [record.key for record in records_of_studies(results.shown, "context")]
    for dataset, title, networks in shown_networks(results):
        lines = {model: plotted_losses(curves, results.manifest.seed) for model, curves in networks.items()}
        note = band_note(next(iter(networks.values())))
        name = f"context-{dataset}"
        decided = {"records": keys, "names": list(networks), "seed": results.manifest.seed, "title": title}
        files = DerivedFiles("context-figure", VERSION, name, figure_paths(name), decided, dataset)
        yield OwedFigure(
            files, name, drawn_by(context_figure, lines, title, note, results.config.scale), f"context on {dataset}"
        )


def shown_networks(results: Results) -> Iterator[tuple[str, str, dict[str, list[ContextCurve]]]]:
    """Each dataset with losses, a title, and its networks' curves."""
    curves = [curve for curve in results.once(context_curves) if not np.isnan(curve.loss).all()]
    for dataset in dict.fromkeys(curve.dataset for curve in curves):
        found = {model: each for (where, model), each in by_network(curves).items() if where == dataset}
        images = max(len(curve.images) for each in found.values() for curve in each)
        patches = max(curve.patches for each in found.values() for curve in each)
        several = patches_of_images(patches, images)
        yield dataset, f"{dataset} ({several}): PSNR that a patch loses as its context is hidden", found
