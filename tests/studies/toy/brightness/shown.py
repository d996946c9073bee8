"""What is shown of the records: a table, a figure and a section of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from l2xbench.draw import style
from l2xbench.draw.tables import Table
from l2xbench.store.derived import DerivedFiles, figure_paths
from l2xbench.store.records import record_groups
from l2xbench.store.results import Results
from l2xbench.studies.figures import OwedFigure, drawn_by
from l2xbench.studies.shared.frames import in_study_order, numbers
from l2xbench.studies.study import Section


def brightness_frame(results: Results) -> pd.DataFrame:
    """A row a dataset and network: the mean over the images, in grey levels."""
    groups = record_groups(results.shown, "brightness")
    rows = [(each.dataset, each.model, numbers(each, "brighter").mean(), len(each.images)) for each in groups]
    return in_study_order(pd.DataFrame(rows, columns=["dataset", "model", "brighter", "images"]), results.manifest)


def brightness_table(results: Results) -> Table:
    """`brightness`."""
    return Table("brightness", results.once(brightness_frame), "How many grey levels brighter SR is than LR.")


def brightness_figures(results: Results) -> Iterator[OwedFigure]:
    """One for each dataset."""
    for dataset, rows in results.once(brightness_frame).groupby("dataset", sort=False):
        bars = dict(zip(rows["model"], rows["brighter"], strict=True))
        name = f"brightness-{dataset}"
        files = DerivedFiles("figure", 1, name, figure_paths(name), {"bars": bars}, str(dataset))
        yield OwedFigure(files, name, drawn_by(brightness_figure, bars), shown_as=f"brightness on {dataset}")


def brightness_figure(bars: dict[str, float]) -> Figure:
    """A bar a network, at a column's width."""
    with style.context():
        figure = style.new_figure(style.COLUMN_CM, 3 + 0.4 * len(bars))
        axes = figure.add_axes((0.3, 0.3, 0.65, 0.6))
        axes.barh(list(bars), list(bars.values()))
        axes.invert_yaxis()
        axes.set_xlabel("SR brighter than LR (grey levels)")
    return figure


def brightness_section(results: Results, table: Table) -> Section:
    """The section `#brightness`."""
    template = Path(__file__).parent / "section.html"
    largest = results.once(brightness_frame)["brighter"].abs().max()
    return Section("brightness", "Brightness", "Brightness", [table], template, {"largest": f"{largest:.2f}"})
