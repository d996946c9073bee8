"""Whether a map predicts what perturbations do, and stays where the image hardly changes (Yeh et al., 2019).

`options` is the YAML's block, `measures` the mathematics, `compute` one unit, `tables` the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.attribution.tested import MapTest, tested_methods
from l2xbench.studies.attribution.units import DRAWS_FROM_OTHERS, map_options
from l2xbench.studies.steadiness.options import SteadinessOptions
from l2xbench.studies.study import Options

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.zoo.network import Network


class Steadiness(MapTest):
    """Infidelity and max-sensitivity of each map."""

    name = "steadiness"
    version = 2
    order = 65
    blocks = (SteadinessOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One unit an image, network and method; interventions are no map that an image near by has too."""
        wanted = config.block(SteadinessOptions)
        if wanted is None:
            return []
        chosen = {name: getattr(wanted, name) for name in ("perturbations", "samples", "radius")}
        return [
            (method, {"method": method, "map": map_options(config, method), **chosen, "seed": config.seed})
            for method in tested_methods(config, wanted.methods)
            if method not in DRAWS_FROM_OTHERS
        ]

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None
    ) -> Outcome:
        """See `steadiness.compute`."""
        from l2xbench.studies.steadiness.compute import compute

        assert network is not None and given is not None
        return compute(network, pair, options, given)

    def tables(self, results: Results) -> list[Table]:
        """`steadiness`."""
        from l2xbench.studies.steadiness.tables import steadiness_table

        return [steadiness_table(results)]


STUDY = Steadiness()
