"""The LR and HR images of a study, kept with its results: figures and the page are made from records alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2xbench.config import Study
from l2xbench.data.datasets import LoadedPair
from l2xbench.store.units import Outcome
from l2xbench.zoo.network import Network

NAME = "inputs"
VERSION = 1
NEEDS_NETWORK = False


def variants(config: Study) -> list[tuple[str, dict[str, Any]]]:
    """One unit an image."""
    return [("", {})]


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """The pair as it is super-resolved and compared: cropped, 8 bit, RGB."""
    images = {"lr": pair.lr} if pair.hr is None else {"lr": pair.lr, "hr": pair.hr}
    height, width = pair.lr.shape[:2]
    return Outcome(values={"height": height, "width": width, "digest": pair.digest}, images=images)
