"""Layers compared with layers, within a network and between two: the key `layers` of the block `similarity`.

`units` says what is owed, `compute` is one unit: Gram matrices of every layer over an image's crops. `grids` makes CKA
and dCKA of them, and finds which layers of two trainings find each other; `tables`, `figures` (drawn by `figure`) and
`findings` show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.layers.units import check_layers, layer_units
from l2xbench.studies.study import Finding, Options, Section, Study, Summary

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class LayersStudy(Study):
    """Each layer of each network compared with each."""

    name = "layers"
    version = 1
    order = 42

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One, where `similarity` has `layers`."""
        return layer_units(config)

    def check(self, config: StudyConfig) -> None:
        """See `layers.units.check_layers`."""
        check_layers(config)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `layers.compute`."""
        from l2xbench.studies.layers.compute import compute

        assert network is not None
        return compute(network, pair, options)

    def tables(self, results: Results) -> list[Table]:
        """`cka_layers` and `cka_layers_found`."""
        from l2xbench.studies.layers.tables import layer_tables

        return layer_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A figure a dataset: the grids, input to output on both axes."""
        from l2xbench.studies.layers.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The tables, in the section of similarity."""
        if not tables:
            return []
        names = self.figure_names(results)
        return [
            Section(
                "similarity-layers", "Layers", "Similarity: layers with layers", list(tables.values()), figures=names
            )
        ]

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `layers.findings`."""
        from l2xbench.studies.layers.findings import layer_findings

        found = tables.get("cka_layers_found")
        return [Finding(told, "cka_layers_found") for told in layer_findings(found.frame)] if found else []

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """Which layers of two networks find each other; without two of one build, the grids' size."""
        found = tables.get("cka_layers_found")
        if found is not None:
            return Summary("layers that find each other in two networks of one build", found.frame.round(3))
        if "cka_layers" not in tables:
            return None
        frame = tables["cka_layers"].frame
        sizes = frame.groupby(["dataset", "model_a", "model_b"], sort=False)
        return Summary("layers with layers", sizes[["cka", "dcka"]].mean().round(3).reset_index())


STUDY = LayersStudy()
