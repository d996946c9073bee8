"""Which maps tell architectures apart best: the evidence for the defaults of the block `similarity`.

    python scripts/choose_similarity.py docs/evidence/similarity.yaml --data-root DATA --out results/choose

Makes the maps of the study's crops for each target (kept in a results folder each: a second call makes none), compares
them as attributions and as multipliers, and prints a row a choice:

    architectures, trainings   mean dCKA of networks of different architectures, and of trainings of one (`seeds`)
    apart, interval            the second less the first, and its 95 % bootstrap interval over images
    times                      how many times as unlike (1 - dCKA) architectures are as trainings, wherever dCKA lies
    p                          of the permutation of networks over architectures
    beyond                     architectures that differ by more than trainings of either do: that interval is above 0
    control                    mean unbiased CKA of the networks with |x - x'|
    seconds                    that a network's maps took
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from l2xbench.commands.run import How, run_study
from l2xbench.config import parse_assignment
from l2xbench.run.results import read_runs
from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.reading import read_study
from l2xbench.studies.similarity import STUDY
from l2xbench.studies.similarity.cka import cka, draws, members_of
from l2xbench.studies.similarity.deconfounded import dcka, resampler
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.studies.similarity.pairs import gram_of_maps
from l2xbench.studies.similarity.seeds import grouped, seeds_test
from l2xbench.system import threads

Matrix = NDArray[np.float64]
SIDE = 16
"""SR pixels on a side of the patch."""
HEAD = [
    "target",
    "of",
    "signs",
    "architectures",
    "trainings",
    "apart",
    "interval",
    "times",
    "p",
    "beyond",
    "control",
    "seconds",
]


@dataclass(frozen=True)
class Kept:
    """The maps of one target.

    Attributes:
        store: where they lie.
        records: network -> image -> record.
        groups: architecture -> its trainings.
        seconds: that a network's maps took in the mean.
    """

    store: Store
    records: Mapping[str, Mapping[str, Record]]
    groups: Mapping[str, Sequence[str]]
    seconds: float


def read(results: Results) -> Kept:
    """The maps of the networks of one results folder, of its first dataset."""
    found: dict[str, dict[str, Record]] = {}
    dataset = next(iter(results.manifest.datasets))
    for record in records_of_studies(results.records, "similarity"):
        if not record.label and record.dataset == dataset:
            found.setdefault(record.model, {})[record.image] = record
    images = set.intersection(*(set(kept) for kept in found.values()))
    records = {
        name: {image: found[name][image] for image in sorted(images)}
        for name in results.manifest.models
        if name in found
    }
    options = results.config.block(SimilarityOptions)
    assert options is not None
    took = [sum(record.number("seconds") or 0.0 for record in kept.values()) for kept in records.values()]
    return Kept(results.store, records, grouped(list(records), options.seeds), float(np.mean(took)))


@threads.blas(1)
def compare(kept: Kept, options: SimilarityOptions, resamples: int, seed: int) -> str:
    """The numbers of one row."""
    names = list(kept.records)
    first = next(iter(kept.records.values()))
    grams = {name: gram_of_maps(kept.store, kept.records[name], options) for name in names}
    control = gram_of_maps(kept.store, first, None)
    pairs = list(combinations(names, 2))
    alike = {pair: dcka(grams[pair[0]], grams[pair[1]], control) for pair in pairs}
    part = pd.DataFrame([(a, b, value) for (a, b), value in alike.items()], columns=["model_a", "model_b", "dcka"])
    tested = seeds_test(part, kept.groups, 9999, seed)
    assert tested is not None, "the study's block `similarity` names no `seeds`"
    images = len(first)
    members = members_of(np.repeat(np.arange(images), len(control) // images).tolist())
    # the same draws for every pair, so that differences of pairs have intervals of their own
    weights = np.concatenate(list(draws(np.random.default_rng(seed), members, resamples)))
    drawn = {pair: resampler(grams[pair[0]], grams[pair[1]], control)(weights) for pair in pairs}
    within = [pair for members in kept.groups.values() for pair in combinations(members, 2)]
    between = [pair for pair in pairs if pair not in set(within)]
    low, high = interval(drawn, alike, within, between)
    beyond = [apart(kept.groups, drawn, alike, *two) for two in combinations(kept.groups, 2)]
    known = [verdict for verdict in beyond if verdict is not None]
    blind = np.mean([cka(gram, control, "unbiased") for gram in grams.values()])
    return (
        f"{tested.between:.3f} | {tested.within:.3f} | {tested.within - tested.between:.3f} | "
        f"{low:.3f} to {high:.3f} | {(1 - tested.between) / (1 - tested.within):.2f} | {tested.p_value:.4f} | "
        f"{sum(known)} of {len(known)} | {blind:.3f} | {kept.seconds:.0f}"
    )


def interval(
    drawn: Mapping[tuple[str, str], Matrix],
    alike: Mapping[tuple[str, str], float],
    within: Sequence[tuple[str, str]],
    between: Sequence[tuple[str, str]],
) -> tuple[float, float]:
    """The 95 % bootstrap interval of mean dCKA of some pairs less that of others, moved to have the estimate's mean."""
    resampled = np.mean([drawn[pair] for pair in within], axis=0) - np.mean([drawn[pair] for pair in between], axis=0)
    value = np.mean([alike[pair] for pair in within]) - np.mean([alike[pair] for pair in between])
    low, high = np.nanquantile(resampled, [0.025, 0.975]) + value - np.nanmean(resampled)
    return float(low), float(high)


def apart(
    groups: Mapping[str, Sequence[str]],
    drawn: Mapping[tuple[str, str], Matrix],
    alike: Mapping[tuple[str, str], float],
    one: str,
    other: str,
) -> bool | None:
    """Whether two architectures are less alike than trainings of each that has several; None where neither has."""
    cross = [pair if pair in alike else pair[::-1] for pair in product(groups[one], groups[other])]
    own = [list(combinations(groups[name], 2)) for name in (one, other) if len(groups[name]) > 1]
    return all(interval(drawn, alike, pairs, cross)[0] > 0 for pairs in own) if own else None


def targets(size: int, scale: int) -> Iterator[tuple[str, str]]:
    """Name and target of each choice."""
    corner = (size * scale - SIDE) // 2
    yield from (("neuron", "neuron"), ("image", "image"), ("centre", "centre"))
    yield "patch", f"patch:{corner},{corner},{SIDE},{SIDE}"


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 where maps could not be made."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", help="a study whose block `similarity` names `seeds`")
    parser.add_argument("--out", type=Path, default=Path("results/choose"), help="folder of the maps: [%(default)s]")
    parser.add_argument("--data-root", type=Path, help="where the datasets lie")
    parser.add_argument("--models", help="networks of the study, a,b,c: [all]")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any key of the study")
    parser.add_argument("--resamples", type=int, default=1000, help="of the intervals: [%(default)s]")
    wanted = parser.parse_args(arguments)
    rows = []
    models = wanted.models.split(",") if wanted.models else None
    said = dict(parse_assignment(text) for text in wanted.set)
    plain = read_study(wanted.study, said, models)
    options = plain.block(SimilarityOptions)
    if options is None or not options.seeds:
        print(f"{wanted.study}: similarity: seeds is missing, for example {{edsr: [edsr, edsr-s1]}}", file=sys.stderr)
        return 2
    for name, target in targets(options.size, plain.scale):
        overrides = {**said, "similarity.target": target, "similarity.permutations": 0, "similarity.bootstrap": 0}
        out = wanted.out / name
        study = STUDY.alone(read_study(wanted.study, overrides, models))
        if run_study(study, out, How(wanted.data_root), only="similarity"):
            return 1
        kept = read(read_runs(Store(out))[0])
        for of, signs in product(("attributions", "multipliers"), ("positive", "signed")):
            chosen = options.model_copy(update={"target": target, "of": of, "signs": signs})
            rows.append(f"| {name} | {of} | {signs} | {compare(kept, chosen, wanted.resamples, plain.seed)} |")
            print(rows[-1], flush=True)
    print("\n".join([f"| {' | '.join(HEAD)} |", f"|{' --- |' * len(HEAD)}", *rows]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
