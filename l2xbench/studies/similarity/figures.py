"""The figure of dCKA and CKA that each dataset has; its lower triangle is the paper's Fig. 3(b)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.similarity.matrix import Matrix, cka_figure
from l2xbench.studies.similarity.options import CONTROL, SimilarityOptions, twin_of
from l2xbench.studies.similarity.pairs import TOO_FEW, calibrates, similarity_frame
from l2xbench.studies.similarity.tables import compared

VERSION = 3
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`cka-<dataset>`."""
    options = results.config.block(SimilarityOptions)
    for dataset, matrix, part in similarity_matrices(results):
        drawn = {
            "names": list(matrix.names),
            "values": part.to_json(double_precision=12),
            "options": None if options is None else options.model_dump(mode="json"),
            "title": matrix.title,
        }
        files = DerivedFiles("similarity-figure", VERSION, "cka", figure_paths(f"cka-{dataset}"), drawn, dataset)
        yield OwedFigure(files, f"CKA on {dataset}", drawn_by(cka_figure, matrix), f"CKA on {dataset}")


def similarity_matrices(results: Results) -> Iterator[tuple[str, Matrix, pd.DataFrame]]:
    """Each dataset's square of networks as figure and page show it, and the rows of `similarity_frame` in it."""
    frame, options = results.once(similarity_frame), results.config.block(SimilarityOptions)
    if options is None:
        return
    trained = list(results.manifest.models)
    every = [*trained, *(twin_of(name) for name in trained), CONTROL]
    for dataset, part in frame.groupby("dataset", sort=False):
        named = set(part["model_a"]) | set(part["model_b"])
        names = [name for name in every if name in named]
        matrix = Matrix(
            title=(
                f"{dataset}, m = {_range(part['samples'])}: dCKA above, CKA ({options.estimator}) below the diagonal, "
                f"of {compared(options)}"
            ),
            names=tuple(names),
            dcka=_square(part, names, "dcka"),
            cka=_square(part, names, "cka"),
            doubtful=_square(part.assign(doubt=part["warning"] == TOO_FEW), names, "doubt", diagonal=0) == 1,
            remark=f"italic: {TOO_FEW}, unrelated networks would have up to {part['chance'].max():.2f}",
            apart=sum(calibrates(name) > 0 for name in names),
            row_only=CONTROL in names,
        )
        yield str(dataset), matrix.clustered() if options.order == "clustered" else matrix, part


def _range(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return f"{low}" if low == high else f"{low} to {high}"


def _square(part: pd.DataFrame, names: list[str], column: str, diagonal: float = 1) -> NDArray[np.float64]:
    """(networks, networks), symmetric; NaN where a pair has no number."""
    square = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(square, diagonal)
    for a, b, value in zip(part["model_a"], part["model_b"], part[column], strict=True):
        row, other = names.index(a), names.index(b)
        square[row, other] = square[other, row] = value
    return square
