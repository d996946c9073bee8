"""What studies that put maps to a test have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from l2xbench.config import Block, StudyConfig
from l2xbench.studies.attribution.options import AttributionOptions, Methods
from l2xbench.studies.study import Section, Study

if TYPE_CHECKING:
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results


class MapTestOptions(Block):
    """The block of a test of maps."""

    methods: Methods = Field(default_factory=list)
    """Those of the attribution block and the control `difference` by default."""


class MapTest(Study):
    """A test of each method's map of an image; its block says whose."""

    blocks: ClassVar[tuple[type[MapTestOptions]]]

    def needs(self, options: Mapping[str, Any]) -> tuple[str, str]:
        """The map that is put to the test."""
        return "attribution", options["method"]

    def check(self, config: StudyConfig) -> None:
        """The methods, and that there are maps."""
        from l2xbench.studies.attribution.checks import check_tested

        wanted = config.block(self.blocks[0])
        if wanted is not None:
            check_tested(config, wanted.key, wanted.methods)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """The table, among the checks of the maps."""
        return maps_checked(tables)


def tested_methods(config: StudyConfig, methods: list[str]) -> list[str]:
    """The methods of a test of maps: its own list, or the attribution block's and the control `difference`."""
    wanted = config.block(AttributionOptions)
    if wanted is None:
        return []
    return methods or list(dict.fromkeys([*wanted.methods, "difference"]))


def maps_checked(tables: Mapping[str, Table]) -> list[Section]:
    """The tables of a test of maps, on the page in a section that such tests share."""
    title = "Checks of the maps"
    return [Section("checks", title, title, list(tables.values()))] if tables else []
