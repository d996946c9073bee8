"""What patches lose as more of their context is hidden, from records: means, and how far one order leads another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.context.units import CONTROLS
from l2xbench.studies.shared.frames import by_unit, patch_count
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.studies.shared.intervals import image_interval, image_mean

MEASURES = ("loss", "change")
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ContextCurve:
    """One network and order on one dataset."""

    dataset: str
    model: str
    method: str
    order: str
    """Empty for a control that has no map."""
    hidden: tuple[int, ...]
    images: tuple[str, ...]
    patches: int
    """Over all images together."""
    loss: Numbers
    """(images, numbers of hidden pixels) dB, the mean over an image's patches; NaN without HR."""
    change: Numbers
    """Likewise, in grey levels."""

    @property
    def label(self) -> str:
        """What figures and sentences call it: the method, with its order where that is not the usual one."""
        return self.method if self.order in ("", "descending") else f"{self.method} {self.order}"


@dataclass(frozen=True)
class Lead:
    """How much more of the patch's PSNR one order costs than another, in dB, on the images that both have.

    Attributes:
        mean: over the numbers of hidden pixels, patches and images.
        low: lower end of the 95 % interval, by the bootstrap over images; NaN of one image.
        high: its upper end.
        by_count: (numbers of hidden pixels,) the mean of each.
        band: (2, numbers of hidden pixels), the intervals.
        images: how many.
    """

    mean: float
    low: float
    high: float
    by_count: Numbers
    band: Numbers
    images: int


def context_curves(results: Results) -> list[ContextCurve]:
    """The curves of all records, in the study's order of datasets, networks and orders."""
    records = records_of_studies(results.shown, "context")
    return [_curve(of_unit) for of_unit in by_unit(records, results.manifest)]


def _curve(records: list[Record]) -> ContextCurve:
    first: Any = records[0].values
    method = first["method"]
    hidden = tuple(int(count) for count in first["hidden"])

    def rows(name: str) -> Numbers:
        return np.stack([_patch_mean(record.values[name], len(hidden)) for record in records])

    return ContextCurve(
        dataset=records[0].dataset,
        model=records[0].model,
        method=method,
        order="" if method in CONTROLS and method != BLURRED else first["order"],
        hidden=hidden,
        images=tuple(record.image for record in records),
        patches=patch_count(records),
        loss=rows("loss"),
        change=rows("change"),
    )


def _patch_mean(rows: Any, counts: int) -> Numbers:
    return np.asarray(np.mean(rows, axis=0)) if rows else np.full(counts, np.nan)


def curve_mean(curve: ContextCurve, measure: str, seed: int) -> tuple[float, float, float]:
    """The mean over numbers of hidden pixels, patches and images, and its 95 % interval."""
    rows = getattr(curve, measure).mean(axis=1)
    low, high = image_interval(rows, seed)
    return float(image_mean(rows)), float(low), float(high)


def lead_over(curve: ContextCurve, other: ContextCurve, seed: int) -> Lead | None:
    """How far `curve` lies above `other`, of the same network; None where no image has a loss by both."""
    common = [image for image in curve.images if image in other.images]
    one, two = (each.loss[[each.images.index(image) for image in common]] for each in (curve, other))
    differences = one - two
    differences = differences[~np.isnan(differences).any(axis=1)]
    if not len(differences):
        return None
    low, high = image_interval(differences.mean(axis=1), seed)
    return Lead(
        mean=float(differences.mean()),
        low=float(low),
        high=float(high),
        by_count=np.asarray(differences.mean(axis=0)),
        band=image_interval(differences, seed),
        images=len(differences),
    )


def by_network(curves: list[ContextCurve]) -> dict[tuple[str, str], list[ContextCurve]]:
    """The curves of each dataset and network."""
    found: dict[tuple[str, str], list[ContextCurve]] = {}
    for curve in curves:
        found.setdefault((curve.dataset, curve.model), []).append(curve)
    return found


def named(curves: list[ContextCurve], label: str) -> ContextCurve | None:
    """The curve that figures call so."""
    return next((curve for curve in curves if curve.label == label), None)
