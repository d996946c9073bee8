"""The means of reach over patches and images, with their intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.reach.compute import LIMITS, SHARES
from l2xbench.studies.shared.frames import by_unit, patch_count
from l2xbench.studies.shared.intervals import image_mean

Numbers = NDArray[np.float64]
MEASURES = (
    *(f"radius_{share * 100:.0f}" for share in SHARES),
    "outside",
    *(f"beyond_{limit}" for limit in LIMITS),
    "di",
)
"""`radius_50` is the radius that holds 50 % of |R|, `outside` its share outside the patch's footprint, `beyond_4` that
beyond 4 LR pixels, `di` the diffusion index."""


@dataclass(frozen=True)
class Reach:
    """One network and method on one dataset."""

    dataset: str
    model: str
    method: str
    images: tuple[str, ...]
    patches: int
    """Over all images together."""
    measured: Numbers
    """(images, MEASURES): means over an image's patches."""
    curve: Numbers
    """(images, radii): the share of |R| beyond 0, 1, 2, ... LR pixels, likewise."""
    keys: tuple[str, ...]
    """The keys of its records."""

    def by_image(self, measure: str) -> Numbers:
        """(images,): one of `MEASURES`."""
        return np.asarray(self.measured[:, MEASURES.index(measure)])


def reaches(results: Results) -> list[Reach]:
    """All networks and methods, in the study's order."""
    records = records_of_studies(results.shown, "reach")
    found = [_reach(of_unit) for of_unit in by_unit(records, results.manifest)]
    # an image of fewer pixels ends earlier: nothing lies beyond its edge
    longest = max((each.curve.shape[1] for each in found), default=0)
    return [_lengthened(each, longest) for each in found]


def by_method(results: Results) -> dict[tuple[str, str], list[Reach]]:
    """Dataset and method -> all networks, in the study's order."""
    groups: dict[tuple[str, str], list[Reach]] = {}
    for one in results.once(reaches):
        groups.setdefault((one.dataset, one.method), []).append(one)
    return groups


def _reach(records: list[Record]) -> Reach:
    measured, curves = [], []
    for record in records:
        values: Any = record.values
        columns = [*np.transpose(values["radii"]), values["outside"], *np.transpose(values["beyond"]), values["di"]]
        measured.append([float(image_mean(np.array(column, float))) for column in columns])
        longest = max(len(curve) for curve in values["curve"])
        curves.append(image_mean(np.stack([_padded(np.array(curve, float), longest) for curve in values["curve"]])))
    longest = max(len(curve) for curve in curves)
    return Reach(
        dataset=records[0].dataset,
        model=records[0].model,
        method=records[0].label,
        images=tuple(record.image for record in records),
        patches=patch_count(records),
        measured=np.array(measured),
        curve=np.stack([_padded(curve, longest) for curve in curves]),
        keys=tuple(record.key for record in records),
    )


def _lengthened(reach: Reach, length: int) -> Reach:
    curve = np.stack([_padded(each, length) for each in reach.curve])
    return Reach(**{**vars(reach), "curve": curve})


def _padded(curve: Numbers, length: int) -> Numbers:
    """The curve with nothing beyond its end; one that is not known stays so."""
    return np.concatenate([curve, np.full(length - len(curve), 0.0 if np.isfinite(curve).all() else np.nan)])
