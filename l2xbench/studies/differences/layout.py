"""Where things stand in a diagram of ranks with a critical difference (Demsar, 2006, Fig. 1), in no unit.

Networks stand below an axis of ranks, the better half at the left, the others at the right, each with a line to its
rank; bars join networks that do not differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from l2xbench.studies.differences.compare import Compared


@dataclass(frozen=True)
class RankedName:
    """A network in the diagram."""

    name: str
    rank: float
    row: int
    """From the top, where its name stands on its side."""
    left: bool


@dataclass(frozen=True)
class RankDiagram:
    """A diagram before it is drawn.

    Attributes:
        title: what is ranked, on what.
        names: the best first.
        bars: the first rank, the last rank and the level, from the axis down, of networks that do not differ.
        levels: how many levels the bars take.
        last: the last rank of the axis, which begins at 1.
        critical: the critical difference.
        tested: what Friedman's test says; empty where there is none.
    """

    title: str
    names: list[RankedName]
    bars: list[tuple[float, float, int]]
    levels: int
    last: int
    critical: float
    tested: str

    @property
    def remark(self) -> str:
        """What is to be said below it."""
        bars = "Bars join networks that are not shown to differ." if self.bars else "All networks differ."
        return f"{self.tested} {bars}".lstrip()

    @property
    def rows(self) -> int:
        """How many the longer side has."""
        return max((name.row for name in self.names), default=-1) + 1


def rank_diagram(made: Compared) -> RankDiagram | None:
    """The diagram of one measure; None where fewer than three networks, or two images, are ranked.

    Two networks' ranks are what share of images each wins, which the table of differences says better.
    """
    ranks, measure = made.ranks, made.measure
    if ranks is None or ranks.images < 2 or len(made.ranked) < 3:
        return None
    order = sorted(zip(ranks.mean.tolist(), made.ranked, strict=True), key=lambda pair: (pair[0], pair[1]))
    half = (len(order) + 1) // 2
    names = [
        RankedName(measure.networks[row], rank, place if place < half else len(order) - 1 - place, place < half)
        for place, (rank, row) in enumerate(order)
    ]
    bars: list[tuple[float, float, int]] = []
    ends: list[float] = []  # where the last bar of each level ends
    for start, end in ranks.cliques():
        low, high = order[start][0], order[end][0]
        level = next((number for number, last in enumerate(ends) if last < low), len(ends))
        ends[level:] = [high, *ends[level + 1 :]]
        bars.append((low, high, level))
    first = "" if measure.better else " (rank 1: the largest)"
    tested = "" if math.isnan(ranks.friedman) else f"Friedman p = {_p_text(ranks.friedman)}."
    return RankDiagram(
        title=f"{measure.title[:1].upper()}{measure.title[1:]} on {ranks.images} images of {measure.dataset}{first}",
        names=names,
        bars=bars,
        levels=len(ends),
        last=len(order),
        critical=ranks.critical,
        tested=tested,
    )


def _p_text(p: float) -> str:
    return f"{p:.2g}" if p >= 0.001 else f"{p:.0e}".replace("e-0", "e-").replace("-", "−")
