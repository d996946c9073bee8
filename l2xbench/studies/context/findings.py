"""Whether a map's order finds the context that a network uses better than one that knows no network."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from l2xbench.studies.context.units import CONTROLS, DISTANCE
from l2xbench.studies.shared.paired import is_beyond_as_one_of
from l2xbench.studies.shared.sentences import amount, on_images, with_interval
from l2xbench.studies.study import Finding
from l2xbench.words import words

_TABLE = "context_leads"
_MOST = 4
"""Networks that a sentence names with their numbers; of more, only how many."""


def context_findings(leads: pd.DataFrame, scale: int) -> list[Finding]:
    """A sentence on the first order against the nearest pixels, and one against each other method.

    Args:
        leads: the table `context_leads`; rows without an interval (one image) say nothing.
        scale: of the study.
    """
    told, lr = [], words(scale).lr
    known = leads.dropna(subset=["lead_low", "lead_high"])
    for key, rows in known.groupby(["dataset", "method", "over"], sort=False):
        dataset, method, over = map(str, key)
        nearest = over == DISTANCE
        if nearest or over.split(" ")[0] not in CONTROLS:
            what = "hiding the nearest ones, which needs no network" if nearest else f"the order of {over}"
            sentence = (
                f"{on_images(dataset, int(rows['images'].max()))}, hiding {lr} pixels around a patch in the order of "
                f"{method}, compared with {what}, lowers the patch's PSNR {'; '.join(_compared(rows))}."
            )
            told.append(Finding(sentence, _TABLE, 1 if nearest else 2))
    return told


def _compared(rows: pd.DataFrame) -> Iterator[str]:
    told = [
        is_beyond_as_one_of(len(rows), row["lead"], row["lead_low"], row["lead_high"], row["images"])
        for row in rows.to_dict("records")
    ]
    beyond = pd.Series(told, index=rows.index)
    above, below = rows[(rows["lead"] > 0) & beyond], rows[(rows["lead"] < 0) & beyond]
    rest = rows.drop(index=[*above.index, *below.index])
    if len(above):
        yield f"more on {_named(above)}"
    if len(below):
        yield f"less on {_named(_negated(below))}"
    if len(rest):
        may = f"which on {int(rest['images'].max())} images may be chance"
        if (rest["lead"] > 0).all():
            yield f"more in the mean on {_named(rest)}, {may}"
        elif (rest["lead"] < 0).all():
            yield f"less in the mean on {_named(_negated(rest))}, {may}"
        else:
            yield f"more on some and less on others of {_named(rest)}, {may}"


def _negated(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(lead=-rows["lead"], lead_low=-rows["lead_high"], lead_high=-rows["lead_low"])


def _named(rows: pd.DataFrame) -> str:
    """The networks, with by how much each, or with the range of many."""
    if len(rows) > _MOST:
        return f"{len(rows)} networks (by {amount(rows['lead'].min(), 2)} to {amount(rows['lead'].max(), 2, 'dB')})"
    return ", ".join(
        f"{row['model']} by {with_interval(row['lead'], row['lead_low'], row['lead_high'], 2, 'dB')}"
        for row in rows.to_dict("records")
    )
