"""Whether a map's sums follow the objective (Ancona et al., 2018).

`options` is the YAML's block, `compute` one unit, `tables` the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.attribution.tested import MapTest, tested_methods
from l2xbench.studies.attribution.units import map_options
from l2xbench.studies.sensitivity.options import SensitivityOptions
from l2xbench.studies.study import Options

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.draw.tables import Table
    from l2xbench.store.results import Results
    from l2xbench.zoo.network import Network


class Sensitivity(MapTest):
    """Sensitivity-n of each map."""

    name = "sensitivity"
    version = 2
    order = 60
    blocks = (SensitivityOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One unit an image, network and method, for all n."""
        wanted = config.block(SensitivityOptions)
        if wanted is None:
            return []
        found = []
        for method in tested_methods(config, wanted.methods):
            chosen = {"granularity": wanted.granularity, "sizes": wanted.sizes, "subsets": wanted.subsets}
            common = {"target": map_options(config, method)["target"], "seed": config.seed}
            found.append((method, {"method": method, **chosen, **common}))
        return found

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None
    ) -> Outcome:
        """See `sensitivity.compute`."""
        from l2xbench.studies.sensitivity.compute import compute

        assert given is not None
        return compute(network, pair, options, given)

    def tables(self, results: Results) -> list[Table]:
        """`sensitivity`."""
        from l2xbench.studies.sensitivity.tables import sensitivity_table

        return [sensitivity_table(results)]


STUDY = Sensitivity()
