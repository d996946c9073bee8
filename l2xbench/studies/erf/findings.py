"""Which network looks farthest, and which least far."""

from __future__ import annotations

import pandas as pd

_SHARE = 0.99


def widest_and_narrowest(frame: pd.DataFrame) -> list[str]:
    """A sentence a dataset, of the published kind where it is there; nothing where all reach alike or one is alone."""
    told = []
    for dataset, rows in frame[frame["share"] == _SHARE].groupby("dataset", sort=False):
        of = "gradient" if "gradient" in set(rows["of"]) else rows["of"].iloc[0]
        radii = rows[rows["of"] == of].dropna(subset=["radius"]).set_index("model")["radius"]
        if len(radii) > 1 and radii.max() > radii.min():
            images = int(rows["images"].max())
            told.append(
                f"On {images} image{'' if images == 1 else 's'} of {dataset}, {_SHARE:.0%} of {radii.idxmax()}'s "
                f"effective receptive field ({of}) lies within {radii.max()} LR pixels of its centre, of "
                f"{radii.idxmin()}'s within {radii.min()}."
            )
    return told
