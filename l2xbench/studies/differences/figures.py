"""Which diagrams of ranks are owed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.differences.compare import MOST_NETWORKS, compare_all
from l2xbench.studies.differences.figure import rank_figure
from l2xbench.studies.differences.layout import RankDiagram, rank_diagram
from l2xbench.studies.figures import OwedFigure, drawn_by

VERSION = 2
"""The version of the figures; a new one makes kept ones be drawn again."""


def diagrams(results: Results) -> list[tuple[str, str, RankDiagram]]:
    """Dataset, measure and diagram of all that can be drawn; none of more networks than a page holds."""
    made = ((each.measure, rank_diagram(each)) for each in results.once(compare_all))
    return [
        (measure.dataset, measure.name, diagram)
        for measure, diagram in made
        if diagram is not None and len(diagram.names) <= MOST_NETWORKS
    ]


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`ranks-<dataset>-<measure>`, a column wide."""
    for dataset, measure, diagram in results.once(diagrams):
        name = f"ranks-{dataset}-{measure}"
        files = DerivedFiles("figure", VERSION, name, figure_paths(name), asdict(diagram), dataset)
        yield OwedFigure(files, f"ranks by {measure} on {dataset}", drawn_by(rank_figure, diagram))
