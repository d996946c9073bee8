"""Which network looks farthest, which least far, and whether they differ."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from l2xbench.studies.erf.means import SHARE, MeanField
from l2xbench.studies.shared.ends import ends
from l2xbench.studies.shared.intervals import image_interval, image_mean
from l2xbench.studies.shared.sentences import on_images, with_interval
from l2xbench.studies.study import Finding
from l2xbench.words import words


def erf_findings(means: list[MeanField], seed: int, scale: int) -> list[Finding]:
    """A sentence a dataset, of the published kind where it is there; none of one network or one image."""
    found = []
    for dataset, of_dataset in groupby(means, key=lambda mean: mean.dataset):
        kinds: dict[str, list[MeanField]] = {}
        for mean in of_dataset:
            kinds.setdefault(mean.of, []).append(mean)
        of = "gradient" if "gradient" in kinds else next(iter(kinds))
        told = widest_and_narrowest(dataset, of, kinds[of], seed, f"{words(scale).lr} pixels")
        found += [] if told is None else [Finding(told, "erf")]
    return found


def widest_and_narrowest(dataset: str, of: str, networks: list[MeanField], seed: int, unit: str) -> str | None:
    """What the radii of single images say of the networks' ends.

    Args:
        dataset: whose images they are.
        of: the kind of field.
        networks: their fields of that kind.
        seed: of the statistics.
        unit: of the radii.
    """
    images = list(dict.fromkeys(image for network in networks for image in network.radii))
    values = np.array([[network.radii.get(image, np.nan) for image in images] for network in networks])
    found = ends(values, seed)
    if found is None:
        return None
    where = on_images(dataset, found.images)
    far, near = networks[found.most].model, networks[found.least].model
    far_told, near_told = (_radius(values[row], seed, unit) for row in (found.most, found.least))
    if found.differs:
        return (
            f"{where}, {far} has the widest effective receptive field ({of}): {SHARE:.0%} of it lies within {far_told} "
            f"of its centre; {near} has the narrowest, {near_told}."
        )
    needed = f"; {found.lacking}" if found.lacking else ""
    return (
        f"{where}, no network is shown to have a wider effective receptive field ({of}) than another: {SHARE:.0%} of "
        f"it lies within {near_told} of its centre for {near}, within {far_told} for {far}{needed}."
    )


def _radius(radii: NDArray[np.float64], seed: int, unit: str) -> str:
    low, high = image_interval(radii, seed)
    return with_interval(float(image_mean(radii)), max(float(low), 0.0), float(high), 1, unit)
