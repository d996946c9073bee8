"""The tables of differences and ranks."""

from __future__ import annotations

import math

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.differences.compare import MOST_NETWORKS, Compared, compare_all
from l2xbench.studies.shared.paired import RESAMPLES

COLUMNS = (
    *("dataset", "measure", "model_a", "model_b", "difference", "low", "high", "p_value", "p_holm", "differs"),
    *("rank_a", "rank_b", "critical_difference", "images"),
)
RANK_COLUMNS = ("dataset", "measure", "model", "mean", "rank", "critical_difference", "friedman_p", "images")


def difference_tables(results: Results) -> list[Table]:
    """`differences`, a pair a line, and `ranks`, a network a line; without rows where nothing is measured."""
    found = results.once(compare_all)
    notes = [
        (
            "Difference: the mean of network A minus that of B over the images that both have. Low and high: its 95 % "
            f"interval by the paired bootstrap over images ({RESAMPLES:,} resamples, stretched to Student's width). p: "
            "by flipping the signs of the images' differences; p holm: after Holm's correction over the pairs of a "
            "dataset and measure. Differs: that is at most 0.05, and the interval lies away from 0."
        ),
        *_measure_notes(found),
        *(f"{name}: {note}." for name, note in results.manifest.notes.items()),
    ]
    if any(len(each.order) > MOST_NETWORKS for each in found):
        notes.append(f"Of more than {MOST_NETWORKS} networks each is compared with the one of the largest mean alone.")
    ranked = (
        "Rank: the mean over the images of a network's rank, 1 for the best, or the largest where neither is better. "
        "Two networks differ where their ranks lie further apart than the critical difference (Nemenyi's test, 5 %); "
        "Friedman p: that all rank alike (Demsar, 2006). Both are approximations with fewer than ten "
        "images. Networks that lack images are not ranked."
    )
    caption = "Which networks differ, image by image?"
    return [
        Table("differences", difference_frame(found), caption, notes=notes),
        Table("ranks", rank_frame(found), "Mean ranks of the networks over images.", notes=[ranked]),
    ]


def difference_frame(found: list[Compared]) -> pd.DataFrame:
    """A row a dataset, measure and pair of networks, the one with the larger mean first: `COLUMNS`."""
    rows = []
    for each in found:
        measure, made = each.measure, each.comparison
        ranks = dict(zip(each.ranked, each.ranks.mean, strict=True)) if each.ranks else {}
        critical = each.ranks.critical if each.ranks else math.nan
        for place, (a, b) in enumerate(each.pairs):
            if made.images[place]:
                numbers = (made.difference, made.low, made.high, made.p_value, made.p_holm)
                rows.append(
                    (
                        *(measure.dataset, measure.name, measure.networks[a], measure.networks[b]),
                        *(float(number[place]) for number in numbers),
                        "yes" if made.differs[place] else "no",
                        *(ranks.get(a, math.nan), ranks.get(b, math.nan), critical, int(made.images[place])),
                    )
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def rank_frame(found: list[Compared]) -> pd.DataFrame:
    """A row a dataset, measure and ranked network, the best first: `RANK_COLUMNS`."""
    rows = []
    for each in found:
        measure, ranks = each.measure, each.ranks
        if ranks is not None:
            for row, rank in sorted(zip(each.ranked, ranks.mean, strict=True), key=lambda pair: pair[1]):
                about = (measure.dataset, measure.name, measure.networks[row], each.means[row], rank)
                rows.append((*about, ranks.critical, ranks.friedman, ranks.images))
    return pd.DataFrame(rows, columns=list(RANK_COLUMNS))


def _measure_notes(found: list[Compared]) -> list[str]:
    told = {
        each.measure.name: f"{each.measure.title}{f', in {each.measure.unit}' if each.measure.unit else ''}"
        for each in found
    }
    return [f"Measures: {'; '.join(f'{name}: {title}' for name, title in told.items())}."] if told else []
