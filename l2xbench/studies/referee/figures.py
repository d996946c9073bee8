"""The figure that the referee owes: one for each dataset."""

from __future__ import annotations

from collections.abc import Iterator

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.referee.figure import Point, agreement_figure
from l2xbench.studies.referee.tables import interventions_frame, referee_frame

VERSION = 2
"""The version of the figures; a new one makes kept ones be drawn again."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`referee-<dataset>`."""
    costs = results.once(interventions_frame)
    for dataset, rows in results.once(referee_frame).groupby("dataset", sort=False):
        known = rows.dropna(subset=["signed", "signed_outside", "signs", "chance"])
        if known.empty:
            continue
        points = [
            Point(
                method=row["method"],
                model=row["model"],
                gradients=row["gradients"],
                signed=row["signed"],
                outside=row["signed_outside"],
                above=row["signs"] - row["chance"],
            )
            for row in known.to_dict("records")
        ]
        name = f"referee-{dataset}"
        patches = int(rows["patches"].max())
        title = (
            f"{dataset}: maps against interventions on {patches} patch{'es' if patches > 1 else ''}; "
            "small: a network, large: their mean"
        )
        gradients = float(costs[costs["dataset"] == dataset]["gradients"].mean())
        drawn = {"points": [list(vars(point).values()) for point in points], "title": title, "gradients": gradients}
        files = DerivedFiles("referee-figure", VERSION, name, figure_paths(name), drawn, str(dataset))
        yield OwedFigure(files, name, drawn_by(agreement_figure, points, title, gradients), f"referee on {dataset}")
