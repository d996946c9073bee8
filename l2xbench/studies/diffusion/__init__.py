"""How widely a patch's map is spread: LAM's diffusion index of the maps of `attribution`, without units of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from l2xbench.studies.attribution.tested import maps_checked
from l2xbench.studies.study import Section, Study

if TYPE_CHECKING:
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results


class Diffusion(Study):
    """Where the target is a patch."""

    name = "diffusion"
    order = 70

    def tables(self, results: Results) -> list[Table]:
        """`diffusion`."""
        from l2xbench.studies.diffusion.tables import diffusion_table

        return [diffusion_table(results)]

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The table, among the checks of the maps."""
        return maps_checked(tables)


STUDY = Diffusion()
