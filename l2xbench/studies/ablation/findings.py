"""What the ablation's summary says."""

from __future__ import annotations

import pandas as pd

from l2xbench.studies.ablation.units import RANDOM


def below_random(summary: pd.DataFrame) -> list[str]:
    """On how many networks each order lowers PSNR more than random order, beyond the interval of the gap.

    Args:
        summary: of the table `ablation_psnr`.
    """
    found = []
    compared = summary[(summary["method"] != RANDOM) & summary["gap_low"].notna()]
    keys = ["dataset", "method", "granularity", "order"]
    for (dataset, method, granularity, order), rows in compared.groupby(keys, sort=False):
        below = int((rows["gap_low"] > 0).sum())
        found.append(
            f"On {dataset} masking {granularity}s in {order} order of {method} lowers PSNR more than random order on "
            f"{below} of {len(rows)} network{'' if len(rows) == 1 else 's'} (95 % interval of the gap above 0)."
        )
    return found
