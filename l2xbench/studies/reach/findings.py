"""Which network looks farthest and which least far, beyond their intervals; and whether methods agree on it."""

from __future__ import annotations

from itertools import groupby

from scipy.stats import spearmanr

from l2xbench.studies.reach.means import Reach
from l2xbench.studies.shared.intervals import image_interval, image_mean
from l2xbench.studies.shared.sentences import on_images
from l2xbench.studies.study import Finding

_MEASURE = "beyond_8"
_TABLE = "reach_intervals"
_FEWEST = 4
"""Networks below which the order that two methods give them says nothing."""


def reach_findings(found: list[Reach], seed: int) -> list[Finding]:
    """A sentence a dataset and method on the ends, where an image-wise difference of them is beyond chance; and one on
    each method's agreement with the first."""
    told: list[Finding] = []
    for dataset, of_dataset in groupby(found, key=lambda one: one.dataset):
        methods: dict[str, list[Reach]] = {}
        for one in of_dataset:
            methods.setdefault(one.method, []).append(one)
        for place, (method, networks) in enumerate(methods.items()):
            told += [Finding(each, _TABLE, 1 if place == 0 else 3) for each in _ends(dataset, method, networks, seed)]
        (first, known), *others = methods.items()
        for method, networks in others:
            told += [Finding(each, _TABLE) for each in _agreement(dataset, first, known, method, networks)]
    return told


def _ends(dataset: str, method: str, networks: list[Reach], seed: int) -> list[str]:
    ordered = sorted(networks, key=lambda one: float(image_mean(one.by_image(_MEASURE))))
    least, most = ordered[0], ordered[-1]
    common = [image for image in most.images if image in least.images]
    if len(common) < 2 or least is most:
        return []
    far, near = (each.by_image(_MEASURE)[[each.images.index(image) for image in common]] for each in (most, least))
    low, _ = image_interval(far - near, seed)
    if not low > 0:
        return []
    lower, upper = image_interval(far, seed)
    told = (
        f"{on_images(dataset, len(common))}, {most.model} looks farthest: {_percent(far.mean())} of its {method} "
        f"maps lies beyond 8 LR pixels of the patch's middle ({_percent(lower)} to {_percent(upper)}); {least.model} "
        f"looks least far, {_percent(near.mean())}."
    )
    return [told]


def _agreement(dataset: str, first: str, known: list[Reach], method: str, networks: list[Reach]) -> list[str]:
    both = [(one, other) for one in known for other in networks if one.model == other.model]
    if len(both) < _FEWEST:
        return []
    values = [[float(image_mean(each.by_image(_MEASURE))) for each in pair] for pair in both]
    correlation = float(spearmanr(values).statistic)
    if correlation != correlation:  # all alike
        return []
    told = (
        f"On {dataset}, {first} and {method} order {len(both)} networks by the share beyond 8 LR pixels with a rank "
        f"correlation of {correlation:.2f}."
    )
    return [told]


def _percent(share: float) -> str:
    """A share with the digits that a small one needs."""
    return f"{100 * share:.1f} %" if share >= 0.001 else f"{100 * share:.2g} %"
