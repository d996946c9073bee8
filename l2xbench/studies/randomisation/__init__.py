"""Whether maps depend on what networks have learned (Adebayo et al., 2018).

`options` is the YAML's block, `compute` one unit, `tables` the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.attribution.tested import MapTest, tested_methods
from l2xbench.studies.attribution.units import map_options
from l2xbench.studies.randomisation.options import RandomisationOptions
from l2xbench.studies.study import Options

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.zoo.network import Network


class Randomisation(MapTest):
    """Layers are drawn anew, and each map is compared with the trained network's."""

    name = "randomisation"
    version = 2
    order = 50
    blocks = (RandomisationOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One unit an image, network and method, for all depths."""
        wanted = config.block(RandomisationOptions)
        if wanted is None:
            return []
        depths = sorted(wanted.depths)
        methods = tested_methods(config, wanted.methods)
        return [(name, {"depths": depths, "map": map_options(config, name)}) for name in methods]

    def needs(self, options: Mapping[str, Any]) -> tuple[str, str]:
        """The trained network's map."""
        return "attribution", options["map"]["method"]

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None
    ) -> Outcome:
        """See `randomisation.compute`."""
        from l2xbench.studies.randomisation.compute import compute

        assert given is not None
        return compute(network, pair, options, given)

    def tables(self, results: Results) -> list[Table]:
        """`randomisation`."""
        from l2xbench.studies.randomisation.tables import randomisation_table

        return [randomisation_table(results)]


STUDY = Randomisation()
