"""What networks and maps take: seconds, completeness, and where memory was too small. It has no units of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from l2xbench.studies.study import Section, Study

if TYPE_CHECKING:
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results


class Cost(Study):
    """The time of `restoration` and `attribution`."""

    name = "cost"
    order = 80

    def tables(self, results: Results) -> list[Table]:
        """`cost`."""
        from l2xbench.studies.cost.tables import cost_table

        return [cost_table(results)]

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The table."""
        return [Section("cost", "Cost", "Cost", [tables["cost"]])] if tables else []


STUDY = Cost()
