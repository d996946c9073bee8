"""Which context a network uses: LR pixels around a patch are hidden in a map's order, and the patch is watched.

`options` is the YAML's block, `units` what is owed, `orders` which pixels are hidden first, `compute` one unit.
`curves` is what the records say; `tables`, `figures` (drawn by `figure`), `section` (`section.html`) and `findings`
show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.attribution.patch_study import PatchStudy
from l2xbench.studies.context.options import ContextOptions
from l2xbench.studies.context.units import context_units
from l2xbench.studies.study import Finding, Options, Section, Summary

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class Context(PatchStudy):
    """Do the maps name the surroundings that a network uses?"""

    name = "context"
    version = 1
    order = 32
    blocks = (ContextOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """See `context.units`."""
        return context_units(config)

    def wanted(self, config: StudyConfig) -> ContextOptions | None:
        """The block `context`."""
        return config.block(ContextOptions)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `context.compute`."""
        from l2xbench.studies.context.compute import compute

        assert network is not None
        return compute(network, pair, options, (given or {}).values())

    def tables(self, results: Results) -> list[Table]:
        """`context_mean`, `context_leads` and `context`."""
        from l2xbench.studies.context.tables import context_tables

        return context_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A figure a dataset: a plot a network."""
        from l2xbench.studies.context.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """See `context.section`."""
        from l2xbench.studies.context.section import context_section

        return [context_section(results, tables)] if tables else []

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `context.findings`."""
        from l2xbench.studies.context.findings import context_findings

        return (
            context_findings(tables["context_leads"].frame, results.config.scale) if "context_leads" in tables else []
        )

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """The means."""
        from l2xbench.studies.context.tables import brief

        title = "PSNR (dB) that a patch loses as its context is hidden"
        return Summary(title, brief(tables["context_mean"].frame)) if tables else None


STUDY = Context()
