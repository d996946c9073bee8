"""What networks are compared by: PSNR and SSIM of each image."""

from __future__ import annotations

from typing import Any

from l2xbench.store.records import record_groups
from l2xbench.store.results import Results
from l2xbench.studies.shared.measures import measure
from l2xbench.studies.study import ImageMeasure

_ABOUT: dict[str, dict[str, Any]] = {
    "psnr": {"title": "PSNR", "unit": "dB", "digits": 2, "more": "restores {by} better than"},
    "ssim": {"title": "SSIM", "digits": 4},
}


def measures(results: Results) -> list[ImageMeasure]:
    """A dataset's PSNR, then its SSIM, for each dataset whose images have HR."""
    values: dict[str, dict[str, dict[str, dict[str, float | None]]]] = {}
    for group in record_groups(results.shown, "restoration"):
        for name in _ABOUT:
            by_image = dict(zip(group.images, group.numbers(name), strict=True))
            values.setdefault(group.dataset, {}).setdefault(name, {})[group.model] = by_image
    found = (
        measure(results, dataset, values[dataset][name], name=name, better="high", **about)
        for dataset in results.manifest.datasets
        if dataset in values
        for name, about in _ABOUT.items()
    )
    return [each for each in found if each is not None]
