"""Networks that restore so much worse than an interpolation that they were most likely given what they do not take."""

from __future__ import annotations

from typing import Any

import pandas as pd

FAR = 3.0
"""dB below the interpolation, the mean over a dataset: a network that was trained is not that far below, unless for
another degradation."""


def far_below(frame: pd.DataFrame, interpolation: str) -> list[str]:
    """A line for each network that is far below the interpolation on some dataset, with what to look at.

    Args:
        frame: the restoration table, with `dataset`, `model`, `psnr` (dB).
        interpolation: its name in `model`.

    Examples:
        >>> frame = pd.DataFrame({"dataset": "set5", "model": ["bicubic", "edsr", "own"], "psnr": [28.4, 31.4, 11.7]})
        >>> print(*far_below(frame, "bicubic"))
        own is 16.7 dB below bicubic on set5: were its weights trained, for this degradation? Does it take [0, 255] \
(`input_range: 255`), or BGR? Such maps explain a network that is not used as it is meant to be.
    """
    found: dict[str, tuple[float, str]] = {}
    for dataset, rows in frame.groupby("dataset", sort=False):
        psnr: Any = rows.set_index("model")["psnr"]
        if interpolation not in psnr.index:
            continue
        for model, below in (psnr[interpolation] - psnr.drop(interpolation)).items():
            if below > FAR and below > found.get(model, (0.0, ""))[0]:
                found[model] = below, str(dataset)
    return [
        f"{model} is {below:.1f} dB below {interpolation} on {dataset}: were its weights trained, for "
        "this degradation? Does it take [0, 255] (`input_range: 255`), or BGR? Such maps explain a "
        "network that is not used as it is meant to be."
        for model, (below, dataset) in found.items()
    ]
