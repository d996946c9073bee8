"""How alike networks see: CKA of their attributions (the paper's Eq. 7 and Fig. 3b).

`options` is the YAML's block, `units` what is owed, `compute` one unit. `cka` is the mathematics, `pairs` a pair's
numbers from records, `deconfounded` dCKA, `seeds` what two architectures are held against; `tables`, `figures` (drawn
by `matrix`) and `section` (`section.html`) show them, `findings` says them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.studies.similarity.units import similarity_units
from l2xbench.studies.study import Finding, Options, Section, Study, Summary

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class Similarity(Study):
    """Each network's attributions compared with each other's."""

    name = "similarity"
    version = 3
    order = 40
    blocks = (SimilarityOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """See `similarity.units`."""
        return similarity_units(config)

    def check(self, config: StudyConfig) -> None:
        """See `similarity.checks`."""
        from l2xbench.studies.similarity.checks import check_similarity

        check_similarity(config)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `similarity.compute`."""
        from l2xbench.studies.similarity.compute import compute

        return compute(network, pair, options)

    def tables(self, results: Results) -> list[Table]:
        """`cka` and `cka_seeds`."""
        from l2xbench.studies.similarity.tables import similarity_tables

        return similarity_tables(results)

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """The paper's Fig. 3(b)."""
        from l2xbench.studies.similarity.figures import owed_figures

        return owed_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """See `similarity.section`."""
        from l2xbench.studies.similarity.section import similarity_section

        return [similarity_section(results, tables)] if tables else []

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `similarity.findings`."""
        from l2xbench.studies.similarity.findings import similarity_findings

        return similarity_findings(results)

    def summary(self, results: Results, tables: Mapping[str, Table]) -> Summary | None:
        """The networks' rows of the table in brief."""
        from l2xbench.studies.similarity.pairs import of_kinds

        if not tables:
            return None
        columns = ["dataset", "model_a", "model_b", "cka", "dcka", "dcka_low", "dcka_high", "control_a", "control_b"]
        frame = of_kinds(tables["cka"].frame, 0, 0)
        if (frame["warning"] != "").any():
            columns.append("warning")
        return Summary("CKA of attributions", frame[columns].round(3))


STUDY = Similarity()
