"""How much brighter each network's SR image is than its LR image: the study that CONTRIBUTING builds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from l2xbench.config import Block, StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.study import Options, Section, Study

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.studies.figures import OwedFigure
    from l2xbench.zoo.network import Network


class BrightnessOptions(Block):
    """Whether networks brighten what they restore."""

    key: ClassVar[str] = "brightness"

    channel: Literal["red", "green", "blue"] = "green"
    """The channel whose mean is compared."""


class Brightness(Study):
    """A unit an image and network."""

    name = "brightness"
    version = 1
    blocks = (BrightnessOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One, where the YAML has the block."""
        wanted = config.block(BrightnessOptions)
        return [] if wanted is None else [("", {"channel": wanted.channel})]

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None
    ) -> Outcome:
        """See `compute`."""
        from brightness.compute import compute

        assert network is not None
        return compute(network, pair, options["channel"])

    def tables(self, results: Results) -> list[Table]:
        """`brightness`."""
        from brightness.shown import brightness_table

        return [brightness_table(results)]

    def figures(self, results: Results) -> Iterable[OwedFigure]:
        """`brightness`."""
        from brightness.shown import brightness_figures

        return brightness_figures(results)

    def sections(self, results: Results, tables: Mapping[str, Table]) -> list[Section]:
        """A sentence above the table."""
        from brightness.shown import brightness_section

        return [brightness_section(results, tables["brightness"])] if tables else []


STUDY = Brightness()
