"""Whether the same layers of two trainings find each other, in sentences."""

from __future__ import annotations

import pandas as pd

from l2xbench.studies.shared.sentences import on_images


def layer_findings(frame: pd.DataFrame) -> list[str]:
    """A sentence a dataset, over all pairs of networks of one build."""
    told = []
    for dataset, rows in frame.groupby("dataset", sort=False):
        known = rows.dropna(subset=["found_cka", "found_dcka"])
        if known.empty:
            continue
        pairs = len(known)
        told.append(
            f"{on_images(str(dataset), int(rows['images'].max()))}, {known['found_cka'].mean():.0%} of the layers find "
            f"themselves by CKA in another network of the same build, {known['found_dcka'].mean():.0%} by dCKA; by "
            f"chance {known['chance'].mean():.0%} would (mean over {pairs} pair{'' if pairs == 1 else 's'})."
        )
    return told
