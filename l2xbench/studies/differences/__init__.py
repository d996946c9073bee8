"""Which networks differ, by what other studies measure for each image (`Study.measures`); it has no units of its own.

`compare` is the statistics of a measure (`l2xbench/studies/shared/paired.py`), `tables` both tables, `layout` where
things stand in a diagram of ranks, which `figure` and `section` (`section.html`) draw, `findings` what is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from l2xbench.studies.study import Finding, Section, Study

if TYPE_CHECKING:
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure


class Differences(Study):
    """Paired differences of networks, and their ranks."""

    name = "differences"
    order = 16

    def tables(self, results: Results) -> list[Table]:
        """`differences` and `ranks`; a later command for one study alone leaves those of the whole run."""
        from l2xbench.studies.differences.compare import speaks_for_all
        from l2xbench.studies.differences.tables import difference_tables

        return difference_tables(results) if speaks_for_all(results) else []

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """A diagram of ranks for each measure."""
        from l2xbench.studies.differences.compare import speaks_for_all
        from l2xbench.studies.differences.figures import owed_figures

        return owed_figures(results) if speaks_for_all(results) else []

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """See `differences.section`."""
        from l2xbench.studies.differences.section import differences_section

        return [differences_section(results, tables)] if tables else []

    def findings(self, results: Results, tables: Mapping[str, Table]) -> list[Finding]:
        """See `differences.findings`."""
        from l2xbench.studies.differences.findings import difference_findings

        return difference_findings(results)


STUDY = Differences()
