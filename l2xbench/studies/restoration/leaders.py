"""Which means are better than all lower ones beyond chance: those that tables mark."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import RecordGroup, record_groups
from l2xbench.store.results import Results
from l2xbench.studies.shared.frames import numbers
from l2xbench.studies.shared.paired import compared

Ahead = tuple[str, str, str]
"""Dataset, network and metric."""
_MARKED = 2
"""The best and the second best."""


def leaders(results: Results) -> set[Ahead]:
    """The best and second best means whose paired differences to every lower one have an interval above 0.

    A claim about all lower networks needs no correction for their number: each of them could refute it. Networks with
    fewer images than others of their dataset do not compete.
    """
    datasets: dict[str, list[RecordGroup]] = {}
    for group in record_groups(results.shown, "restoration"):
        datasets.setdefault(group.dataset, []).append(group)
    found: set[Ahead] = set()
    for dataset, groups in datasets.items():
        most = max(len(group.images) for group in groups)
        competing = [group for group in groups if len(group.images) == most]
        images = list(dict.fromkeys(image for group in competing for image in group.images))
        for metric in ("psnr", "ssim"):
            values = np.array([_by_image(group, metric, images) for group in competing])
            ahead = are_ahead(values, results.manifest.seed)
            found |= {(dataset, competing[row].model, metric) for row in ahead}
    return found


def are_ahead(values: NDArray[np.float64], seed: int) -> list[int]:
    """The rows of values (networks, images) that are better than all lower ones, among the first two by their means."""
    with np.errstate(invalid="ignore"):
        order = np.argsort(-values.mean(axis=1), kind="stable")
    found = []
    for place in range(min(_MARKED, len(order) - 1)):
        pairs = [(int(order[place]), int(lower)) for lower in order[place + 1 :]]
        if (compared(values, pairs, seed, tested=False).low > 0).all():
            found.append(int(order[place]))
    return found


def _by_image(group: RecordGroup, metric: str, images: list[str]) -> list[float]:
    known = dict(zip(group.images, numbers(group, metric), strict=True))
    return [known.get(image, np.nan) for image in images]
