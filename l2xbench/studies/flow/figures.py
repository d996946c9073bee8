"""The figures that the flow owes: one for each dataset."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.results import Results
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.flow.figure import FlowBar, flow_figure
from l2xbench.studies.flow.shares import NetworkFlow, network_flows
from l2xbench.studies.shared.sentences import on_images

VERSION = 2
"""The version of the figures; a new one makes kept ones be drawn again."""
MOST_BARS = 24
"""Networks with more blocks are shown in groups of neighbouring ones."""


def owed_figures(results: Results) -> Iterator[OwedFigure]:
    """`flow-<dataset>`."""
    for dataset, each in groupby(results.once(network_flows), key=lambda flow: flow.dataset):
        flows = list(each)
        name = f"flow-{dataset}"
        drawn = {"records": [list(flow.keys) for flow in flows], "names": [flow.model for flow in flows]}
        files = DerivedFiles("flow-figure", VERSION, name, figure_paths(name), drawn, dataset)
        images = max(len(flow.images) for flow in flows)
        title = f"{on_images(dataset, images)}: where the change of the output comes from"
        bars = [bar_of(flow) for flow in flows]
        yield OwedFigure(files, name, drawn_by(flow_figure, bars, title), f"flow on {dataset}")


def bar_of(flow: NetworkFlow) -> FlowBar:
    """What is drawn of a network."""
    groups = flow.in_groups(MOST_BARS)
    skip = None if bool((flow.skip != flow.skip).any()) else float(flow.skip.mean())
    around = float(flow.around.mean())
    return FlowBar(
        name=flow.model,
        skip=skip,
        past=around - (skip or 0.0),
        written=[float(values.mean()) for values in groups.values()],
        spread=[(float(values.min()), float(values.max())) for values in groups.values()],
        blocks=len(flow.names),
    )
