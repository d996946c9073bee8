"""How far a network looks: radii and shares of a patch's map, by distance from the patch.

`options` is the YAML's block, `units` what is owed, `compute` one unit. `means` is what the records say, `per_image`
what networks are compared by; `tables`, `figures` (drawn by `figure`), `section` (`section.html`) and `findings` show
it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.attribution.patch_study import PatchStudy
from l2xbench.studies.reach.options import ReachOptions
from l2xbench.studies.reach.units import reach_units
from l2xbench.studies.study import Finding, ImageMeasure, Options, Section, Summary
from l2xbench.words import words

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class ReachStudy(PatchStudy):
    """How far from a patch its map lies."""

    name = "reach"
    version = 1
    order = 33
    blocks = (ReachOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """See `reach.units`."""
        return reach_units(config)

    def wanted(self, config: StudyConfig) -> ReachOptions | None:
        """The block `reach`."""
        return config.block(ReachOptions)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `reach.compute`."""
        from l2xbench.studies.reach.compute import compute

        assert network is not None
        return compute(network, pair, options, (given or {}).values())

    def tables(self, results: Results) -> list[Table]:
        """`reach` and `reach_intervals`."""
        from l2xbench.studies.reach.tables import reach_tables

        return reach_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A figure a dataset and method: a curve a network."""
        from l2xbench.studies.reach.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """See `reach.section`."""
        from l2xbench.studies.reach.section import reach_section

        return [reach_section(results, tables)] if tables else []

    def measures(self, results: Results) -> list[ImageMeasure]:
        """See `reach.per_image`."""
        from l2xbench.studies.reach.per_image import measures

        return measures(results)

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `reach.findings`."""
        from l2xbench.studies.reach.findings import reach_findings
        from l2xbench.studies.reach.means import reaches

        return reach_findings(results.once(reaches), results.manifest.seed, results.config.scale) if tables else []

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """The means."""
        from l2xbench.studies.reach.tables import brief

        title = f"reach in {words(results.config.scale).lr} pixels, and shares of |R|"
        return Summary(title, brief(tables["reach"].frame)) if tables else None


STUDY = ReachStudy()
