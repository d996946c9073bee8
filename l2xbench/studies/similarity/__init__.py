"""How alike networks see: CKA of their attributions (the paper's Eq. 7 and Fig. 3b).

`options` is the YAML's block, `units` what is owed, `compute` one unit; `cka` is the mathematics, `tables` makes a
pair's numbers from records, `matrix` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.studies.similarity.units import similarity_units
from l2xbench.studies.study import Options, Study

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.zoo.network import Network


class Similarity(Study):
    """Each network's attributions compared with each other's."""

    name = "similarity"
    version = 2
    order = 40
    blocks = (SimilarityOptions,)

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """See `similarity.units`."""
        return similarity_units(config)

    def check(self, config: StudyConfig) -> None:
        """See `similarity.checks`."""
        from l2xbench.studies.similarity.checks import check_similarity

        check_similarity(config)

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """See `similarity.compute`."""
        from l2xbench.studies.similarity.compute import compute

        return compute(network, pair, options)


STUDY = Similarity()
