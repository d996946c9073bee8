"""Whether architectures differ by more than trainings of one, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.similarity import STUDY
from l2xbench.studies.similarity.findings import beyond_seeds, confounded, similarity_findings, trainings_alike, twins
from l2xbench.studies.similarity.options import UNTRAINED
from l2xbench.studies.similarity.seeds import SeedsTest, grouped, seeds_frame, seeds_test
from tests.studies.results import results_of
from tests.studies.similarity.test_tables import FEW, PAPER, differences, keep


def square(values: Mapping[tuple[str, str], float]) -> pd.DataFrame:
    return pd.DataFrame([(a, b, value) for (a, b), value in values.items()], columns=["model_a", "model_b", "dcka"])


def every_pair(groups: Mapping[str, list[str]], within: float, between: float) -> pd.DataFrame:
    of = {name: group for group, members in groups.items() for name in members}
    names = list(of)
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    return square({(a, b): within if of[a] == of[b] else between for a, b in pairs})


def test_the_test_takes_every_order_of_few_networks() -> None:
    groups = {"a": ["a1", "a2"], "b": ["b1", "b2"], "c": ["c1"]}
    tested = seeds_test(every_pair(groups, 0.9, 0.5), groups, 99, 0)
    assert tested is not None
    assert tested.p_value == pytest.approx(1 / 15) == pytest.approx(tested.least), "15 ways to two pairs and one alone"
    assert (tested.within, tested.between) == (pytest.approx(0.9), pytest.approx(0.5))
    alike = seeds_test(every_pair(groups, 0.5, 0.5), groups, 99, 0)
    assert alike is not None and alike.p_value == 1
    many = {name: [f"{name}1", f"{name}2"] for name in "abcde"}
    assert seeds_test(every_pair(many, 0.9, 0.5), many, 0, 0) is None, "permutations: 0 asks for no test"
    assert seeds_test(every_pair({"a": ["a1", "a2"]}, 0.9, 0.5), {"a": ["a1", "a2"]}, 99, 0) is None
    alone = {"a": ["a"], "b": ["b"]}
    assert seeds_test(every_pair(alone, 0.9, 0.5), alone, 99, 0) is None


def test_the_test_draws_orders_of_many_networks() -> None:
    groups = {name: [f"{name}1", f"{name}2"] for name in "abcdef"}
    tested = seeds_test(every_pair(groups, 0.9, 0.5), groups, 199, 0)
    assert tested is not None and tested.p_value == 1 / 200
    values = []
    for seed in range(40):
        random = np.random.default_rng(seed)
        made = every_pair(groups, 0, 0)
        chance = seeds_test(made.assign(dcka=random.normal(size=len(made))), groups, 99, seed)
        assert chance is not None
        values.append(chance.p_value)
    assert 0.35 < np.mean(values) < 0.65


def test_what_is_said_of_the_test() -> None:
    told = trainings_alike(SeedsTest(0.93, 0.81, 0.001, 0.001, 10))
    assert told == (
        "trainings of one architecture are more alike (mean dCKA 0.93) than different architectures (0.81): p = 0.001 "
        "by permuting 10 networks over the architectures."
    )
    few = trainings_alike(SeedsTest(0.93, 0.81, 1 / 3, 1 / 3, 4))
    assert "are not shown to be more alike" in few and "p = 0.33, the least that so few networks can have" in few
    assert "the least" not in trainings_alike(SeedsTest(0.8, 0.81, 0.6, 0.01, 8))


def ceilings(*rows: tuple[object, ...]) -> pd.DataFrame:
    columns = ["architecture", "trainings", "dcka", "dcka_low", "dcka_high", "other", "other_dcka", "other_low"]
    return pd.DataFrame(rows, columns=[*columns, "other_high", "beyond"])


OWN = ("edsr", 2, 0.93, 0.90, 0.95)


def test_what_is_said_of_architectures() -> None:
    far, near = ("rcan", 0.81, 0.78, 0.84, "yes"), ("han", 0.92, 0.88, 0.94, "no")
    (sentence,) = beyond_seeds(ceilings((*OWN, *far)))
    assert sentence == (
        "edsr and rcan differ (dCKA 0.81, interval 0.78 to 0.84) by more than two trainings of edsr do (0.93, interval "
        "0.90 to 0.95)."
    )
    (sentence,) = beyond_seeds(ceilings((*OWN, *far), (*OWN, *near)))
    assert sentence == (
        "rcan (0.81) differs from edsr by more than two trainings of edsr do (dCKA 0.93, interval 0.90 to 0.95); not "
        "shown to: han (0.92)."
    )
    (sentence,) = beyond_seeds(ceilings((*OWN, *near)))
    assert sentence == (
        "no architecture is shown to differ from edsr by more than two trainings of edsr do (dCKA 0.93, "
        "interval 0.90 to 0.95): han (0.92)."
    )
    assert list(beyond_seeds(ceilings())) == []
    without_interval = (*OWN[:3], None, None, *far)
    assert list(beyond_seeds(ceilings(without_interval).astype({"dcka_low": float}))) == []


def test_of_many_architectures_pairs_are_counted() -> None:
    names = ["a", "b", "c", "d"]
    rows = [
        (name, 2, 0.93, 0.9, 0.95, other, 0.5, 0.4, 0.6, "no" if (name, other) == ("b", "a") else "yes")
        for name in names
        for other in names
        if other != name
    ]
    (sentence,) = beyond_seeds(ceilings(*rows))
    assert sentence == (
        "5 of 6 pairs of architectures differ in dCKA by more than trainings of one of them do; not shown to: a and b."
    )


def made(store: Store, noise: float, own: float = 1.0) -> Results:
    """Maps of two trainings each of two architectures, `own` what an architecture has for itself."""
    random = np.random.default_rng(0)
    records = []
    common, *parts = ({f"img{i}": random.normal(size=(4, 3, 4, 4)) for i in range(9)} for _ in range(3))
    for name, part in (("a", parts[0]), ("a2", parts[0]), ("b", parts[1]), ("b2", parts[1])):
        maps = {}
        for image in common:
            seen = common[image] + abs(differences(image, 4))
            maps[image] = seen + own * part[image] + noise * random.normal(size=seen.shape)
        records += keep(store, name, {image: one.astype(np.float32) for image, one in maps.items()})
    records += keep(store, "a", {image: one.astype(np.float32) for image, one in parts[1].items()}, UNTRAINED)
    return results_of(
        records,
        ["a", "a2", "b", "b2"],
        store,
        {"Set5": None},
        similarity={
            **FEW,
            **PAPER,
            "signs": "signed",
            "seeds": {"A": ["a", "a2"], "B": ["b", "b2"]},
            "untrained": True,
        },
    )


def test_a_study_finds_what_was_made_and_nothing_where_nothing_is(tmp_path: Path) -> None:
    apart = made(Store(tmp_path / "apart"), 0.1)
    frame = seeds_frame(apart)
    assert frame[["architecture", "other", "beyond"]].to_numpy().tolist() == [["A", "B", "yes"], ["B", "A", "yes"]]
    tables = {table.name: table for table in STUDY.tables(apart)}
    assert list(tables) == ["cka", "cka_seeds"]
    findings = STUDY.findings(apart, tables)
    sentences = [finding.sentence for finding in findings]
    assert {finding.table for finding in findings} == set(tables)
    assert [sentence.startswith("On 9 images of Set5, ") for sentence in sentences] == [True] * 6
    assert any("A and B differ (dCKA" in one and "by more than two trainings of A do" in one for one in sentences)
    assert any("p = 0.33, the least" in one for one in sentences)
    assert any("untrained twins" in one for one in sentences)
    alike = made(Store(tmp_path / "alike"), 0.5, own=0.0)
    assert seeds_frame(alike)["beyond"].tolist() == ["no", "no"]
    told = [finding.sentence for finding in similarity_findings(alike)]
    assert any("no architecture is shown to differ from A by more than two trainings of A do" in one for one in told)
    assert not any(" differ (dCKA" in one for one in told)


def test_the_control_and_the_twins_are_told_where_they_are() -> None:
    frame = square({("a", "b"): 0.8, ("a", "a*"): 0.1, ("a", "difference"): None})
    frame["unbiased"] = [0.97, 0.5, 0.95]
    (sentence,) = confounded(frame)
    assert sentence == (
        "the networks' maps have a mean unbiased CKA of 0.970 with each other and 0.950 with |x - x'|, which knows no "
        "network; with that regressed out their mean dCKA is 0.800."
    )
    assert list(twins(frame)) == [
        "networks have a mean dCKA of 0.10 with their own untrained twins and 0.80 with each other."
    ]
    assert list(twins(frame[:1])) == [] and list(confounded(frame[1:])) == []


def test_groups_of_networks_that_are_here() -> None:
    assert grouped(["a", "b", "a2"], {"A": ["a", "a2"], "C": ["c"]}) == {"A": ["a", "a2"], "b": ["b"]}
