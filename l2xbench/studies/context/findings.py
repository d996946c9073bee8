"""Whether a map's order finds the context that a network uses better than one that knows no network."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from l2xbench.studies.context.units import CONTROLS, DISTANCE

_NAMES = {DISTANCE: "hiding the nearest ones"}
_MOST = 4
"""Networks that a sentence names with their numbers; of more, only how many."""


def context_findings(leads: pd.DataFrame) -> list[str]:
    """A sentence on the first order against the nearest pixels, and one against each other method.

    Args:
        leads: the table `context_leads`; rows without an interval (one image) say nothing.
    """
    told = []
    known = leads.dropna(subset=["lead_low", "lead_high"])
    for key, rows in known.groupby(["dataset", "method", "over"], sort=False):
        dataset, method, over = map(str, key)
        if over == DISTANCE or over.split(" ")[0] not in CONTROLS:
            images = int(rows["images"].max())
            what = _NAMES.get(over, f"the order of {over}")
            told.append(
                f"On {images} image{'' if images == 1 else 's'} of {dataset}, hiding LR pixels around a patch in the "
                f"order of {method}, compared with {what}, lowers the patch's PSNR {'; '.join(_compared(rows))}."
            )
    return told


def _compared(rows: pd.DataFrame) -> Iterator[str]:
    above, below = rows[rows["lead_low"] > 0], rows[rows["lead_high"] < 0]
    rest = rows.drop(index=[*above.index, *below.index])
    if len(above):
        yield f"more on {_named(above)}"
    if len(below):
        yield f"less on {_named(below)}"
    if len(rest):
        yield f"no more or less beyond chance on {_named(rest)}"


def _named(rows: pd.DataFrame) -> str:
    if len(rows) > _MOST:
        lows, highs = rows["lead"].min(), rows["lead"].max()
        return f"{len(rows)} networks ({lows:+.2f} to {highs:+.2f} dB)"
    return ", ".join(
        f"{row.model} ({row.lead:+.2f} dB, {row.lead_low:+.2f} to {row.lead_high:+.2f})" for row in rows.itertuples()
    )
