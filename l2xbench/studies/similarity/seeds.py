"""Do two architectures differ by more than two trainings of one of them do?

The trainings that a study puts into one group (`seeds`) give the ceiling: no measure of likeness should be expected to
find two architectures more alike than those.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, permutations, product

import numpy as np
import pandas as pd

from l2xbench.store.results import Results
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.studies.similarity.pairs import of_kinds, similarity_frame

COLUMNS = (
    *("dataset", "architecture", "trainings", "dcka", "dcka_low", "dcka_high"),
    *("other", "other_dcka", "other_low", "other_high", "beyond"),
)
_ALL_ORDERS = 8
"""So many networks have few enough orders (40320) for the test to take every one."""


@dataclass(frozen=True)
class SeedsTest:
    """Are trainings of one architecture more alike than networks put together at random?"""

    within: float
    """Mean dCKA of two trainings of one architecture."""
    between: float
    """Mean dCKA of networks of two architectures."""
    p_value: float
    """How often networks dealt out anew to groups of the same sizes are at least as alike, on average, in a group."""
    least: float
    """The smallest p that so many networks in such groups can have."""
    networks: int


def seeds_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, architecture with two trainings or more, and other architecture: `COLUMNS`.

    dcka is the mean over pairs of trainings, other_dcka over pairs of a training of each; low is the lowest end of
    their intervals, high the highest. `beyond` says whether the other's high is below the trainings' low.
    """
    rows = []
    for dataset, part, groups in networks_of(results):
        for name, members in groups.items():
            if len(members) > 1:
                own = _pairs(part, combinations(members, 2))
                for other, others in groups.items():
                    if other != name:
                        cross = _pairs(part, product(members, others))
                        rows.append(
                            (dataset, name, len(members), *own, other, *cross, "yes" if cross[2] < own[1] else "no")
                        )
    found = pd.DataFrame(rows, columns=list(COLUMNS))
    return found[found["dcka"].notna() & found["other_dcka"].notna()].reset_index(drop=True)


def networks_of(results: Results) -> Iterator[tuple[str, pd.DataFrame, dict[str, list[str]]]]:
    """Each dataset with the rows of its networks and their groups: architecture -> its trainings."""
    options = results.config.block(SimilarityOptions)
    frame = results.once(similarity_frame)
    if options is None or frame.empty:
        return
    for dataset, part in of_kinds(frame, 0, 0).groupby("dataset", sort=False):
        named = set(part["model_a"]) | set(part["model_b"])
        yield str(dataset), part, grouped([name for name in results.manifest.models if name in named], options.seeds)


def grouped(networks: Sequence[str], seeds: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Architecture -> its trainings among these networks; a network in no group is a group under its own name.

    Examples:
        >>> grouped(["a", "b", "a2"], {"A": ["a", "a2"], "C": ["c"]})
        {'A': ['a', 'a2'], 'b': ['b']}
    """
    group = {name: architecture for architecture, members in seeds.items() for name in members}
    found: dict[str, list[str]] = {}
    for name in networks:
        found.setdefault(group.get(name, name), []).append(name)
    return found


def seeds_test(part: pd.DataFrame, groups: Mapping[str, Sequence[str]], orders: int, seed: int) -> SeedsTest | None:
    """The permutation test of trainings over architectures; None where no architecture has two, there is but one, or
    no order is to be tried.

    Args:
        part: rows of `similarity_frame`, of one dataset.
        groups: architecture -> its trainings.
        orders: random orders that are tried where there are too many for all.
        seed: of those.
    """
    names = [name for members in groups.values() for name in members]
    alike = np.full((len(names), len(names)), np.nan)
    for a, b, value in zip(part["model_a"], part["model_b"], part["dcka"], strict=True):
        if a in names and b in names:
            i, j = names.index(a), names.index(b)
            alike[i, j] = alike[j, i] = value
    group = np.repeat(np.arange(len(groups)), [len(members) for members in groups.values()])
    left, right = np.triu_indices(len(names), 1)
    same = group[left] == group[right]
    known = np.isfinite(alike[left, right])
    if not (same & known).any() or not (~same & known).any() or not known.all():
        return None
    i, j = left[same], right[same]
    observed = alike[i, j].mean()
    every = len(names) <= _ALL_ORDERS
    if not every and not orders:
        return None
    if every:
        order = np.array(list(permutations(range(len(names)))))
    else:
        random = np.random.default_rng(seed)
        order = np.array([random.permutation(len(names)) for _ in range(orders)]).reshape(orders, len(names))
    as_good = int(np.sum(alike[order[:, i], order[:, j]].mean(axis=1) >= observed - 1e-12))
    sizes = [len(members) for members in groups.values()]
    same_groups = math.prod(math.factorial(size) for size in sizes)
    same_groups *= math.prod(math.factorial(sizes.count(size)) for size in set(sizes))
    least = same_groups / math.factorial(len(names))
    return SeedsTest(
        within=float(observed),
        between=float(alike[left[~same], right[~same]].mean()),
        p_value=as_good / len(order) if every else (1 + as_good) / (1 + orders),
        least=least if every else max(least, 1 / (1 + orders)),
        networks=len(names),
    )


def _pairs(part: pd.DataFrame, pairs: Iterator[tuple[str, str]]) -> tuple[float, float, float]:
    """Mean dCKA of these pairs, the lowest low and the highest high; NaN where one of them has no number."""
    wanted = {frozenset(pair) for pair in pairs}
    chosen = [frozenset(pair) in wanted for pair in zip(part["model_a"], part["model_b"], strict=True)]
    rows = part[chosen]
    if len(rows) < len(wanted) or rows["dcka"].isna().any():
        return math.nan, math.nan, math.nan
    return float(rows["dcka"].mean()), float(rows["dcka_low"].min()), float(rows["dcka_high"].max())
