"""What networks are compared by, from records: a number for each network and image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from l2xbench.store.results import Results
from l2xbench.studies.study import ImageMeasure


def measure(
    results: Results, dataset: str, values: Mapping[str, Mapping[str, float | None]], **about: Any
) -> ImageMeasure | None:
    """The measure of a dataset's networks; None where fewer than two have a number.

    Args:
        results: of the run, which has the networks' order.
        dataset: whose images they are.
        values: network -> image -> number; the interpolation is left out.
        about: the other fields of `ImageMeasure`.
    """
    networks = [name for name in results.config.models if any(_is_known(one) for one in values.get(name, {}).values())]
    if len(networks) < 2:
        return None
    images = list(dict.fromkeys(image for name in networks for image in values[name]))
    numbers = [[np.nan if (one := values[name].get(image)) is None else one for image in images] for name in networks]
    return ImageMeasure(
        dataset=dataset, networks=networks, images=images, values=np.array(numbers, dtype=float), **about
    )


def _is_known(value: float | None) -> bool:
    return value is not None and bool(np.isfinite(value))
