"""PSNR and SSIM over the mask ratio, from records: means, and how far a map's order lies below a random one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.ablation.units import RANDOM
from l2xbench.studies.shared.frames import by_unit
from l2xbench.studies.shared.paired import interval

METRICS = ("psnr", "ssim")
NAMES = {"psnr": "PSNR (dB)", "ssim": "SSIM"}

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """One network, method, granularity and order on one dataset."""

    dataset: str
    model: str
    method: str
    granularity: str
    order: str
    ratios: tuple[float, ...]
    images: tuple[str, ...]
    measured: Mapping[str, Numbers]
    """`psnr` (dB) and `ssim`: (orders, images, ratios); one order, or several random ones."""

    def by_image(self, metric: str) -> Numbers:
        """(images, ratios): the mean over the orders."""
        return np.asarray(self.measured[metric].mean(axis=0))

    def mean(self, metric: str) -> Numbers:
        """(ratios,): the mean over orders and images."""
        return np.asarray(self.by_image(metric).mean(axis=0))

    def by_order(self, metric: str) -> Numbers:
        """(orders, ratios): the mean over the images, of each order."""
        return np.asarray(self.measured[metric].mean(axis=1))


@dataclass(frozen=True)
class Gap:
    """How far a curve lies below random order, over the images that both have; positive where it is below.

    Intervals are 95 %, by the bootstrap over images, see `l2xbench.studies.shared.paired.interval`.
    """

    mean: float
    """Over ratios and images."""
    interval: tuple[float, float]
    """NaN with a single image, which says nothing of others."""
    by_ratio: Numbers
    """(ratios,): the mean over the images."""
    band: Numbers
    """(2, ratios): the interval of each; `by_ratio` itself with a single image."""
    largest: float
    """The largest of `by_ratio`."""
    at: float
    """The ratio where it is."""
    area: float
    """Between the curves, by the trapezoidal rule over the ratios: dB or SSIM times ratio; NaN with one ratio."""
    images: int


def make_curves(results: Results) -> list[Curve]:
    """The curves of all ablation records, in the study's order of datasets, networks and methods."""
    records = (one for one in records_of_studies(results.records, "ablation") if one.values["psnr"])
    return [_curve(of_unit) for of_unit in by_unit(records, results.manifest)]


def _curve(records: list[Record]) -> Curve:
    first: Any = records[0].values
    return Curve(
        dataset=records[0].dataset,
        model=records[0].model,
        method=first["method"],
        granularity=first["granularity"],
        order=first["order"],
        ratios=tuple(first["ratios"]),
        images=tuple(record.image for record in records),
        measured={name: np.stack([np.array(r.values[name], float) for r in records], axis=1) for name in METRICS},
    )


def gap(curve: Curve, random: Curve, metric: str, seed: int) -> Gap | None:
    """How far `curve` lies below `random`; None where they have no image in common.

    Args:
        curve: of any order.
        random: of the same network, granularity and ratios.
        metric: `psnr` or `ssim`.
        seed: of the bootstrap.
    """
    common = [image for image in curve.images if image in random.images]
    if not common:
        return None
    differences = _rows(random, common, metric) - _rows(curve, common, metric)
    by_ratio = differences.mean(axis=0)
    ends = np.stack(interval(np.column_stack([differences.mean(axis=1), differences]), seed))
    ratios = np.array(curve.ratios)
    steps = np.diff(ratios)
    place = int(by_ratio.argmax())
    return Gap(
        mean=float(by_ratio.mean()),
        interval=(float(ends[0, 0]), float(ends[1, 0])),
        by_ratio=by_ratio,
        band=np.where(np.isnan(ends[:, 1:]), by_ratio, ends[:, 1:]),
        largest=float(by_ratio[place]),
        at=float(ratios[place]),
        area=float((steps * (by_ratio[1:] + by_ratio[:-1]) / 2).sum()) if len(steps) else float("nan"),
        images=len(common),
    )


def _rows(curve: Curve, images: list[str], metric: str) -> Numbers:
    return curve.by_image(metric)[[curve.images.index(image) for image in images]]


def with_random(curves: list[Curve]) -> Iterator[tuple[Curve, Curve | None]]:
    """Each curve with random order's of the same dataset, network and granularity, where there is one."""
    found = {(c.dataset, c.model, c.granularity): c for c in curves if c.method == RANDOM}
    for curve in curves:
        yield curve, found.get((curve.dataset, curve.model, curve.granularity))
