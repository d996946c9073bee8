"""The figure of dCKA and CKA that each dataset has; its lower triangle is the paper's Fig. 3(b)."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.similarity.matrix import Calibration, Matrix
from l2xbench.studies.similarity.options import CONTROL, SimilarityOptions, twin_of
from l2xbench.studies.similarity.pairs import TOO_FEW, of_kinds, similarity_frame
from l2xbench.studies.similarity.seeds import grouped
from l2xbench.studies.similarity.square import cka_figure
from l2xbench.studies.similarity.tables import compared

VERSION = 7
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
    for dataset, part in frame.groupby("dataset", sort=False):
        named = set(part["model_a"]) | set(part["model_b"])
        names = [name for name in results.manifest.models if name in named]
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
            calibration=tuple(_calibration(part, names, options)),
        )
        yield str(dataset), matrix.clustered() if options.order == "clustered" else matrix, part


def _calibration(part: pd.DataFrame, names: list[str], options: SimilarityOptions) -> Iterator[Calibration]:
    """The rows that there is a number for."""
    known = {
        frozenset(pair): numbers
        for *pair, numbers in zip(part["model_a"], part["model_b"], part.to_dict("records"), strict=True)
    }

    def mean(name: str, others: list[str], column: str) -> float:
        values = [known[pair][column] for pair in (frozenset((name, other)) for other in others) if pair in known]
        return float(np.mean(values)) if values else math.nan

    groups = grouped(names, options.seeds)
    trainings = {name: [other for other in members if other != name] for members in groups.values() for name in members}
    for row, others, column, said in (
        ("other training", trainings, "dcka", "dCKA with other trainings of its architecture, their mean"),
        ("untrained", {name: [twin_of(name)] for name in names}, "dcka", "dCKA with its own untrained twin"),
        (CONTROL, {name: [CONTROL] for name in names}, "cka", "CKA with |x − x'|, which knows no network"),
    ):
        values = tuple(mean(name, others[name], column) for name in names)
        if any(math.isfinite(value) for value in values):
            yield Calibration(row, values, said)


def _range(counts: pd.Series) -> str:
    low, high = counts.min(), counts.max()
    return f"{low}" if low == high else f"{low} to {high}"


def _square(part: pd.DataFrame, names: list[str], column: str, diagonal: float = 1) -> NDArray[np.float64]:
    """(networks, networks), symmetric; NaN where a pair has no number."""
    part = of_kinds(part, 0, 0)
    square = np.full((len(names), len(names)), np.nan)
    np.fill_diagonal(square, diagonal)
    for a, b, value in zip(part["model_a"], part["model_b"], part[column], strict=True):
        row, other = names.index(a), names.index(b)
        square[row, other] = square[other, row] = value
    return square
