"""What the restoration table says."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd


def highest_psnr(frame: pd.DataFrame, networks: Collection[str]) -> list[str]:
    """For each dataset the network with the highest mean PSNR, and how far the next one is; no more is known of means.

    Args:
        frame: of the table `restoration`.
        networks: those that compete; a mean over fewer images than another's does not.
    """
    found = []
    for dataset, rows in frame[frame["model"].isin(networks)].groupby("dataset", sort=False):
        known = rows.dropna(subset=["psnr"])
        images = known["images"].max()
        known = known[known["images"] == images].sort_values("psnr", ascending=False, kind="stable")
        if len(known) > 1:
            first, second = known.iloc[0], known.iloc[1]
            counted = f"{images} image{'' if images == 1 else 's'}"
            found.append(
                f"On {dataset} ({counted}) {first['model']} has the highest mean PSNR, {first['psnr']:.2f} dB; "
                f"{second['model']} is next with {second['psnr']:.2f} dB."
            )
    return found
