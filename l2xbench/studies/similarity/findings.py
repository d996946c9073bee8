"""What the tables of CKA say."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd
from scipy.stats import norm

from l2xbench.store.results import Results
from l2xbench.studies.shared.sentences import on_images, with_interval
from l2xbench.studies.similarity.options import SimilarityOptions
from l2xbench.studies.similarity.pairs import of_kinds, similarity_frame
from l2xbench.studies.similarity.seeds import SeedsTest, networks_of, seeds_frame, seeds_test
from l2xbench.studies.study import Finding

MOST_SENTENCES = 3
"""Architectures with several trainings that have a sentence each; of more, their pairs are counted in one."""
_NAMED = 3
_WORDS = {2: "two", 3: "three", 4: "four"}


def similarity_findings(results: Results) -> list[Finding]:
    """Which networks' maps are most and least alike, how far the control alone goes, whether trainings of one
    architecture are more alike than architectures, which architectures differ by more than trainings do, and untrained
    twins."""
    options, frame = results.config.block(SimilarityOptions), results.once(similarity_frame)
    if options is None or frame.empty:
        return []
    ceilings = results.once(seeds_frame)
    found = []
    for dataset, part, groups in networks_of(results):
        where = f"{on_images(dataset, int(part['images'].max()))}, "
        of_dataset = frame[frame["dataset"] == dataset]
        beyond = beyond_seeds(ceilings[ceilings["dataset"] == dataset])
        tested = seeds_test(part, groups, options.permutations, results.manifest.seed)
        together = [] if tested is None else [trainings_alike(tested)]
        told = (
            *((sentence, "cka_seeds", 1) for sentence in beyond),
            *((sentence, "cka", 1) for sentence in most_and_least(of_dataset, options.confidence)),
            *((sentence, "cka_seeds", 2) for sentence in together),
            *((sentence, "cka", 2) for sentence in confounded(of_dataset)),
            *((sentence, "cka", 3) for sentence in twins(of_dataset)),
        )
        found += [Finding(where + sentence, table, importance) for sentence, table, importance in told]
    return found


def most_and_least(frame: pd.DataFrame, confidence: float) -> Iterator[str]:
    """The pair of networks with the highest dCKA and that with the lowest, if no chance made one of so many stand out.

    Their difference is held against its standard error, which the intervals tell, at a level that is corrected for all
    differences of two pairs.

    Args:
        frame: of one dataset, rows of `similarity_frame`.
        confidence: of its intervals.
    """
    known = of_kinds(frame, 0, 0).dropna(subset=["dcka", "dcka_low", "dcka_high"])
    if len(known) < 2:
        return
    ordered = known.sort_values("dcka", kind="stable")
    least, most = ordered.iloc[0], ordered.iloc[-1]
    width = 2 * norm.isf((1 - confidence) / 2)
    error = math.hypot(*((row["dcka_high"] - row["dcka_low"]) / width for row in (most, least)))
    differences = math.comb(len(known), 2)
    if most["dcka"] - least["dcka"] > norm.isf(0.025 / differences) * error:
        yield (
            f"of {len(known)} pairs of networks {_pair(most)} have the maps that are most alike: dCKA {_alike(most)}, "
            f"where 1 is alike and 0 unrelated; {_pair(least)} have those that are least alike, {_alike(least)}."
        )
    else:
        yield (
            f"no two networks have maps that are shown to be more alike than those of any other two: dCKA, where 1 is "
            f"alike and 0 unrelated, is from {_alike(least)} for {_pair(least)} to {_alike(most)} for {_pair(most)}."
        )


def _pair(row: pd.Series) -> str:
    return f"{row['model_a']} and {row['model_b']}"


def _alike(row: pd.Series) -> str:
    return with_interval(row["dcka"], row["dcka_low"], row["dcka_high"], 2)


def confounded(frame: pd.DataFrame) -> Iterator[str]:
    """How like each other the networks' maps are, and how like the control that knows no network.

    Args:
        frame: of one dataset, rows of `similarity_frame`.
    """
    networks, control = of_kinds(frame, 0, 0), of_kinds(frame, 0, 2)
    alike, known = networks["unbiased"].mean(), control["unbiased"].mean()
    if pd.notna(alike) and pd.notna(known):
        left = networks["dcka"].mean()
        rest = f"; with that regressed out their mean dCKA is {left:.3f}" if pd.notna(left) else ""
        yield (
            f"the networks' maps have a mean unbiased CKA of {alike:.3f} with each other and {known:.3f} with "
            f"|x - x'|, which knows no network{rest}."
        )


def trainings_alike(tested: SeedsTest) -> str:
    """Whether trainings of one architecture are more alike than networks at random."""
    numbers = f"mean dCKA {tested.within:.2f}) than different architectures ({tested.between:.2f})"
    if tested.p_value < 0.05:
        return (
            f"trainings of one architecture are more alike ({numbers}: p = {tested.p_value:.2g} by permuting "
            f"{tested.networks} networks over the architectures."
        )
    few = "" if tested.p_value > tested.least * (1 + 1e-9) else ", the least that so few networks can have"
    return (
        f"trainings of one architecture are not shown to be more alike ({numbers}: p = {tested.p_value:.2g}{few}, by "
        f"permuting {tested.networks} networks over the architectures."
    )


def beyond_seeds(ceilings: pd.DataFrame) -> Iterator[str]:
    """Which architectures differ by more than trainings of one do: their intervals lie wholly below.

    Args:
        ceilings: of one dataset, rows of `seeds_frame`.
    """
    known = ceilings.dropna(subset=["dcka_low", "other_high"])
    if known["architecture"].nunique() > MOST_SENTENCES:
        yield _counted(known)
        return
    for name, rows in known.groupby("architecture", sort=False):
        one = rows.iloc[0]
        trainings = f"{_WORDS.get(int(one['trainings']), one['trainings'])} trainings of {name}"
        own = f"dCKA {one['dcka']:.2f}, interval {one['dcka_low']:.2f} to {one['dcka_high']:.2f}"
        apart, near = rows[rows["beyond"] == "yes"], rows[rows["beyond"] == "no"]
        if apart.empty:
            yield (
                f"no architecture is shown to differ from {name} by more than {trainings} do ({own}): {_listed(near)}."
            )
        elif len(rows) == 1:
            yield (
                f"{name} and {one['other']} differ (dCKA {one['other_dcka']:.2f}, interval {one['other_low']:.2f} to "
                f"{one['other_high']:.2f}) by more than {trainings} do ({own.removeprefix('dCKA ')})."
            )
        else:
            unlike = "" if near.empty else f"; not shown to: {_listed(near)}"
            verb = "differs" if len(apart) == 1 else "differ"
            yield f"{_listed(apart)} {verb} from {name} by more than {trainings} do ({own}){unlike}."


def twins(frame: pd.DataFrame) -> Iterator[str]:
    """How like their untrained twins the networks are.

    Args:
        frame: of one dataset, rows of `similarity_frame`.
    """
    own = frame[[f"{a}*" == b for a, b in zip(frame["model_a"], frame["model_b"], strict=True)]]["dcka"]
    others = of_kinds(frame, 0, 0)["dcka"]
    if own.notna().any() and others.notna().any():
        yield (
            f"networks have a mean dCKA of {own.mean():.2f} with their own untrained twins and {others.mean():.2f} "
            "with each other."
        )


def _listed(rows: pd.DataFrame) -> str:
    texts = [f"{other} ({value:.2f})" for other, value in zip(rows["other"], rows["other_dcka"], strict=True)]
    return ", ".join(texts[:-1]) + (" and " if len(texts) > 1 else "") + texts[-1]


def _counted(known: pd.DataFrame) -> str:
    """One sentence of all pairs; a pair differs if it does so beyond the trainings of each that has several."""
    verdicts: dict[frozenset[str], bool] = {}
    for name, other, beyond in zip(known["architecture"], known["other"], known["beyond"], strict=True):
        pair = frozenset((name, other))
        verdicts[pair] = verdicts.get(pair, True) and beyond == "yes"
    near = [" and ".join(sorted(pair)) for pair, beyond in verdicts.items() if not beyond]
    more = f" and {len(near) - _NAMED} more" if len(near) > _NAMED else ""
    left = f"; not shown to: {', '.join(near[:_NAMED])}{more}" if near else ""
    return (
        f"{len(verdicts) - len(near)} of {len(verdicts)} pairs of architectures differ in dCKA by more than trainings "
        f"of one of them do{left}."
    )
