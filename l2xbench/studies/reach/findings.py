"""Which network looks farthest and which least far, beyond their intervals; and whether methods agree on it."""

from __future__ import annotations

from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from l2xbench.studies.reach.means import Reach
from l2xbench.studies.shared.ends import ends
from l2xbench.studies.shared.intervals import image_interval, image_mean
from l2xbench.studies.shared.sentences import on_images
from l2xbench.studies.study import Finding
from l2xbench.words import words

_MEASURE = "beyond_8"
_TABLE = "reach_intervals"
_FEWEST = 4
"""Networks below which the order that two methods give them says nothing."""


def reach_findings(found: list[Reach], seed: int, scale: int) -> list[Finding]:
    """A sentence a dataset and method on the ends, whether they differ beyond chance; and one on each method's
    agreement with the first."""
    told: list[Finding] = []
    lr = words(scale).lr
    for dataset, of_dataset in groupby(found, key=lambda one: one.dataset):
        methods: dict[str, list[Reach]] = {}
        for one in of_dataset:
            methods.setdefault(one.method, []).append(one)
        for place, (method, networks) in enumerate(methods.items()):
            sentences = _ends(dataset, method, networks, seed, lr)
            told += [Finding(each, _TABLE, 1 if place == 0 else 3) for each in sentences]
        (first, known), *others = methods.items()
        for method, networks in others:
            told += [Finding(each, _TABLE) for each in _agreement(dataset, first, known, method, networks, lr)]
    return told


def _ends(dataset: str, method: str, networks: list[Reach], seed: int, lr: str) -> list[str]:
    """The networks of the largest and least share, and whether they differ."""
    images = list(dict.fromkeys(image for one in networks for image in one.images))
    values = np.full((len(networks), len(images)), np.nan)
    for row, one in zip(values, networks, strict=True):
        row[[images.index(image) for image in one.images]] = one.by_image(_MEASURE)
    found = ends(values, seed)
    if found is None:
        return []
    where = on_images(dataset, found.images)
    far, near = networks[found.most].model, networks[found.least].model
    far_told, near_told = (_with_interval(values[row], seed) for row in (found.most, found.least))
    if found.differs:
        told = (
            f"{where}, {far} looks farthest: {far_told} of its {method} maps lies beyond 8 {lr} pixels of the patch's "
            f"middle; {near} looks least far, {near_told}."
        )
    else:
        needed = f"; {found.lacking}" if found.lacking else ""
        told = (
            f"{where}, no network is shown to look farther than another: what lies beyond 8 {lr} pixels of the patch's "
            f"middle is from {near_told} of the {method} map for {near} to {far_told} for {far}{needed}."
        )
    return [told]


def _with_interval(shares: NDArray[np.float64], seed: int) -> str:
    """A mean share over images with its interval; shares cannot leave 0 to 1."""
    low, high = image_interval(shares, seed).clip(0, 1)
    return f"{_percent(float(image_mean(shares)))} ({_percent(float(low))} to {_percent(float(high))})"


def _agreement(dataset: str, first: str, known: list[Reach], method: str, networks: list[Reach], lr: str) -> list[str]:
    both = [(one, other) for one in known for other in networks if one.model == other.model]
    if len(both) < _FEWEST:
        return []
    values = [[float(image_mean(each.by_image(_MEASURE))) for each in pair] for pair in both]
    correlation = float(spearmanr(values).statistic)
    if correlation != correlation:  # all alike
        return []
    told = (
        f"On {dataset}, {first} and {method} order {len(both)} networks by the share beyond 8 {lr} pixels with a rank "
        f"correlation of {correlation:.2f}."
    )
    return [told]


def _percent(share: float) -> str:
    """A share with the digits that a small one needs."""
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"
