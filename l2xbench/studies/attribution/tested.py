"""What studies that put maps to a test have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from l2xbench.config import StudyConfig
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.study import Section

if TYPE_CHECKING:
    from l2xbench.draw.tables import Table


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
