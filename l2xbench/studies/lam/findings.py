"""What diffusion indices and PSNR of windows say together."""

from __future__ import annotations

import pandas as pd


def lam_findings(frame: pd.DataFrame) -> list[str]:
    """In how many windows the network with the larger diffusion index restored it worse; nothing of a single pair."""
    lam = frame[(frame["method"] == "lam") & frame["psnr"].notna()]
    pairs = worse = 0
    for _, window in lam.groupby(["dataset", "image", "window"], sort=False):
        rows = window[["di", "psnr"]].to_numpy()
        for first in range(len(rows)):
            for second in range(first + 1, len(rows)):
                pairs += 1
                worse += (rows[first, 0] - rows[second, 0]) * (rows[first, 1] - rows[second, 1]) < 0
    if pairs < 2:  # nothing to be counted
        return []
    windows = len(lam.drop_duplicates(["dataset", "image", "window"]))
    on = f"{windows} window{'s' if windows > 1 else ''}"
    told = (
        f"Of {pairs} pairs of networks on {on}, the one with the larger LAM diffusion index restored the window worse "
        f"in {worse}: the index says how many pixels a network used, not how well."
    )
    return [told]
