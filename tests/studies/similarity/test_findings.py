"""The most and the least alike, of made pairs."""

from __future__ import annotations

import pandas as pd

from l2xbench.studies.similarity.findings import most_and_least


def told(*rows: tuple[str, str, float | None], half: float = 0.05) -> list[str]:
    frame = pd.DataFrame(rows, columns=["model_a", "model_b", "dcka"]).astype({"dcka": float})
    frame = frame.assign(dcka_low=frame["dcka"] - half, dcka_high=frame["dcka"] + half)
    return list(most_and_least(frame, 0.95))


PAIRS = (("edsr", "rcan", 0.9), ("edsr", "swinir", 0.5), ("rcan", "swinir", 0.6))


def test_the_ends_are_named_where_they_lie_far_apart() -> None:
    (sentence,) = told(*PAIRS, ("edsr", "difference", 0.0), ("edsr", "edsr*", 0.1))
    assert sentence == (
        "of 3 pairs of networks edsr and rcan have the maps that are most alike: dCKA 0.90 (0.85 to 0.95), where 1 is "
        "alike and 0 unrelated; edsr and swinir have those that are least alike, 0.50 (0.45 to 0.55)."
    )


def test_no_pair_is_named_where_intervals_are_wide() -> None:
    (sentence,) = told(*PAIRS, half=0.35)
    assert sentence == (
        "no two networks have maps that are shown to be more alike than those of any other two: dCKA, where 1 is alike "
        "and 0 unrelated, is from 0.50 (0.15 to 0.85) for edsr and swinir to 0.90 (0.55 to 1.25) for edsr and rcan."
    )


def test_more_pairs_take_more_to_stand_out() -> None:
    half = 0.24  # the ends lie 2.3 standard errors apart
    assert "most alike" in told(("a", "b", 0.9), ("c", "d", 0.5), half=half)[0]
    crowd = [(f"n{number}", f"m{number}", 0.6) for number in range(30)]
    assert "no two networks" in told(("a", "b", 0.9), ("c", "d", 0.5), *crowd, half=half)[0]


def test_one_pair_or_none_that_is_known_says_nothing() -> None:
    assert told(PAIRS[0]) == [] and told(PAIRS[0], ("a", "b", None)) == []
