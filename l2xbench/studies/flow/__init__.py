"""Which block of a network does the work: the explained difference divided among its blocks, and whether that is so.

`options` is the YAML's block and `groups` how many blocks become few maps; `compute` is one unit, with `taken_out` what
happens when blocks are put on their reference or left out. `shares` are the means over records, `agreement` what they
say of the shares; `tables`, `figures` (drawn by `figure`), `section` and `findings` show them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.flow.options import FlowOptions
from l2xbench.studies.study import Finding, Options, Section, Study, Summary

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class FlowStudy(Study):
    """The difference of each network's output, divided among its blocks."""

    name = "flow"
    version = 2
    order = 45
    blocks = (FlowOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One, where the YAML has the block."""
        wanted = config.block(FlowOptions)
        return [] if wanted is None else [("", wanted.model_dump(mode="json"))]

    def check(self, config: StudyConfig) -> None:
        """Reference and target."""
        from l2xbench.attribution.targets import parse_target
        from l2xbench.studies.attribution.checks import check_reference, told_by_key

        wanted = config.block(FlowOptions)
        if wanted is not None:
            check_reference("flow.reference", wanted.reference)
            told_by_key("flow.target", lambda: parse_target(wanted.target))

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `flow.compute`."""
        from l2xbench.studies.flow.compute import compute

        assert network is not None
        return compute(network, pair, options)

    def tables(self, results: Results) -> list[Table]:
        """`flow`, `flow_blocks` and `flow_check`."""
        from l2xbench.studies.flow.tables import flow_tables

        return flow_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A figure a dataset: the networks below each other, from input to output."""
        from l2xbench.studies.flow.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The blocks of each network, each with its map, and the tables."""
        from l2xbench.studies.flow.section import flow_section

        return [flow_section(results, tables)] if tables else []

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `flow.findings`."""
        from l2xbench.studies.flow.findings import flow_findings

        return flow_findings(tables)

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """The parts."""
        if "flow" not in tables:
            return None
        shown = tables["flow"].frame[["dataset", "model", "skip", "past", "blocks", "images"]]
        return Summary("parts of the change of the output", shown.round(4))


STUDY = FlowStudy()
