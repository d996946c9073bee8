"""The LR and HR images of a study, kept with its results: figures and the page are made from records alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.units import Arrays, Outcome
from l2xbench.studies.study import Options, Study

if TYPE_CHECKING:
    from l2xbench.data.datasets import LoadedPair
    from l2xbench.zoo.network import Network


class Inputs(Study):
    """A unit an image; no network is run."""

    name = "inputs"
    version = 1
    order = 0
    needs_network = False

    def units(self, config: StudyConfig) -> list[tuple[str, Options]]:
        """One, with no options: the pair is read as `datasets` says, and its digest tells how."""
        return [("", {})]

    def compute(
        self, network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
    ) -> Outcome:
        """The pair as it is super-resolved and compared: cropped, 8 bit, RGB."""
        images = {"lr": pair.lr} if pair.hr is None else {"lr": pair.lr, "hr": pair.hr}
        height, width = pair.lr.shape[:2]
        return Outcome(values={"height": height, "width": width, "digest": pair.digest}, images=images)


STUDY = Inputs()
