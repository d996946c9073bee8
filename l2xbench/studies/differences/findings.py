"""Which network is the best, and whether any two differ beyond chance."""

from __future__ import annotations

import numpy as np

from l2xbench.store.results import Results
from l2xbench.studies.differences.compare import Compared, compare_all
from l2xbench.studies.shared.paired import images_needed
from l2xbench.studies.shared.sentences import listed, on_images, with_interval
from l2xbench.studies.study import Finding

_TABLE = "differences"


def difference_findings(results: Results) -> list[Finding]:
    """A sentence for each measure that has words for it; none of a single image, which has no interval."""
    found = []
    for each in results.once(compare_all):
        if each.measure.more and len(each.best) > 1 and each.ranks is not None and each.ranks.images > 1:
            found.append(Finding(leader_sentence(each), _TABLE, 1))
    return found


def leader_sentence(made: Compared) -> str:
    """Whether the best network is better than the next, or any two differ at all.

    Args:
        made: of two networks or more, on two images or more.
    """
    measure, comparison = made.measure, made.comparison
    first, second = made.best[:2]
    where = on_images(measure.dataset, len(_images(made)))
    networks, pairs = len(made.order), len(made.pairs)
    if not comparison.differs.any():
        return f"{where}, {_no_difference(made)}."
    alike = _not_apart_from(made, first)
    if not alike:
        place = _place(made, first, second)
        if place is None:
            return f"{where}, {measure.networks[first]} has the best {measure.title}, beyond chance."
        a, b = (measure.networks[row] for row in made.pairs[place])
        told = f"{a} {measure.more.format(by=_told(made, place))} {b}"
        return f"{where}, {told}." if networks == 2 else f"{where}, {told}, the next; all others are further behind."
    several = int(comparison.differs.sum())
    return (
        f"{where}, {measure.networks[first]} has the best {measure.title}, but not beyond chance before "
        f"{listed([measure.networks[row] for row in alike])}; {several} of {pairs} pairs of networks differ"
        f"{_widest(made)}."
    )


def _no_difference(made: Compared) -> str:
    comparison, title, pairs = made.comparison, made.measure.title, len(made.pairs)
    widest = int(np.nanargmax(np.abs(comparison.difference)))
    a, b = (made.measure.networks[row] for row in made.pairs[widest])
    if pairs == 1:
        told, these = f"{a} and {b} do not differ in {title} beyond chance: {_told(made, widest)}", "two networks"
    else:
        told = (
            f"no two of the {len(made.order)} networks differ in {title} beyond chance, given that {pairs} pairs are "
            f"compared; the largest difference is that of {a} and {b}, {_told(made, widest)}"
        )
        these = "any pair"
    needed = images_needed(pairs)
    return told if comparison.images.max() >= needed else f"{told}; to tell {these} apart takes {needed} images"


def _images(made: Compared) -> list[int]:
    """The images that the ranked networks have in common, by number."""
    there = np.isfinite(made.measure.values[made.ranked]).all(axis=0)
    return np.flatnonzero(there).tolist()


def _place(made: Compared, a: int, b: int) -> int | None:
    """Where a pair of rows stands among the pairs, whichever is first; None where it was not compared."""
    return next((place for place, pair in enumerate(made.pairs) if set(pair) == {a, b}), None)


def _not_apart_from(made: Compared, first: int) -> list[int]:
    """The networks that are compared with this one, and do not differ from it; the nearest first."""
    found = []
    for place, pair in enumerate(made.pairs):
        if first in pair and not made.comparison.differs[place]:
            found.append(pair[1] if pair[0] == first else pair[0])
    return found


def _widest(made: Compared) -> str:
    """The largest difference among those beyond chance."""
    comparison = made.comparison
    place = int(np.argmax(np.where(comparison.differs, np.abs(comparison.difference), -1.0)))
    a, b = (made.measure.networks[row] for row in made.pairs[place])
    return f", {a} and {b} most, by {_told(made, place)}"


def _told(made: Compared, place: int) -> str:
    comparison, measure = made.comparison, made.measure
    value, low, high = (float(each[place]) for each in (comparison.difference, comparison.low, comparison.high))
    return with_interval(value, low, high, measure.digits, measure.unit)
