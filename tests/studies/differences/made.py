"""Measures written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from l2xbench.studies.study import ImageMeasure


def measure(values: Mapping[str, Sequence[float | None]], **about: Any) -> ImageMeasure:
    """A measure of these networks: their numbers, an image each."""
    numbers = np.array([list(each) for each in values.values()], dtype=float)
    given: dict[str, Any] = {
        "name": "psnr",
        "title": "PSNR",
        "unit": "dB",
        "better": "high",
        "more": "restores {by} better than",
        **about,
    }
    images = [f"image{number}" for number in range(numbers.shape[1])]
    return ImageMeasure(dataset="Set", networks=list(values), images=images, values=numbers, **given)
