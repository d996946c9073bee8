"""Super-resolution and its fidelity: the paper's Table 1.

`options` is the YAML's block, `units` what is owed, `compute` one unit, `tables` the two tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.restoration.options import RestorationOptions
from l2xbench.studies.restoration.units import measured
from l2xbench.studies.study import Options, Study

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.zoo.network import Network


class Restoration(Study):
    """The SR image of each network and its PSNR and SSIM."""

    name = "restoration"
    version = 4
    order = 10
    blocks = (RestorationOptions,)
    of_interpolation = True

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One unit an image and network."""
        return [("", measured(config))]

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `restoration.compute`."""
        from l2xbench.studies.restoration.compute import compute

        return compute(network, pair, options)


STUDY = Restoration()
