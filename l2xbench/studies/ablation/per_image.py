"""What networks are compared by: how far each method's order lies below random order on each image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.results import Results
from l2xbench.studies.ablation.curves import Curve, make_curves, with_random
from l2xbench.studies.ablation.units import CONTROL
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.studies.shared.measures import measure
from l2xbench.studies.study import ImageMeasure

Kind = tuple[str, str, str, str]
"""Dataset, method, granularity and order."""
Gaps = dict[Kind, dict[str, dict[str, float]]]
"""By kind: network -> image -> how far below random order."""


def gaps_by_image(results: Results) -> Gaps:
    """What is compared: by how many dB PSNR is lower than in random order, mean over the ratios."""
    return _by_image(results, "psnr")


def ssim_gaps_by_image(results: Results) -> Gaps:
    """The same of SSIM."""
    return _by_image(results, "ssim")


def _by_image(results: Results, metric: str) -> Gaps:
    found: Gaps = {}
    for curve, random in with_random(results.once(make_curves)):
        if random is not None and random is not curve:
            kind = (curve.dataset, curve.method, curve.granularity, curve.order)
            found.setdefault(kind, {})[curve.model] = _gaps(curve, random, metric)
    return found


def _gaps(curve: Curve, random: Curve, metric: str) -> dict[str, float]:
    of_random = dict(zip(random.images, random.by_image(metric), strict=True))
    return {
        image: float((of_random[image] - values).mean())
        for image, values in zip(curve.images, curve.by_image(metric), strict=True)
        if image in of_random
    }


def measures(results: Results) -> list[ImageMeasure]:
    """The gap of each method that looks at networks; its name holds granularity and order where there are several."""
    kinds = [kind for kind in results.once(gaps_by_image) if kind[1] not in (CONTROL, BLURRED)]
    several = [len({kind[place] for kind in kinds}) > 1 for place in (2, 3)]
    found = []
    for kind in kinds:
        dataset, method, *rest = kind
        told = [method, *(part for part, many in zip(rest, several, strict=True) if many)]
        found.append(
            measure(
                results,
                dataset,
                results.once(gaps_by_image)[kind],
                name="_".join(["gap", *told]),
                title=f"gap to random order ({', '.join(told)})",
                unit="dB",
                better="high",
            )
        )
    return [each for each in found if each is not None]


def as_array(values: dict[str, dict[str, float]], networks: list[str], images: list[str]) -> NDArray[np.float64]:
    """(networks, images); NaN where there is none."""
    return np.array([[values[name].get(image, np.nan) for image in images] for name in networks], dtype=float)
