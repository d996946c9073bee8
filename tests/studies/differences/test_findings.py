"""One sentence for each case, none for too few images."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from l2xbench.studies.differences.compare import compare
from l2xbench.studies.differences.findings import leader_sentence
from tests.studies.differences.made import measure

RANDOM = np.random.default_rng(5)
IMAGES = RANDOM.normal(28, 4, size=20)
NOISE = RANDOM.normal(0, 0.1, size=(4, 20))


def told(images: int = 20, **gains: float) -> str:
    values = {name: (IMAGES + NOISE[place] + gain)[:images] for place, (name, gain) in enumerate(gains.items())}
    made: Any = measure(values)
    return leader_sentence(compare(made, seed=0))


def test_one_of_two_is_better() -> None:
    sentence = told(edsr=0, drln=0.35)
    assert re.fullmatch(r"On 20 images of Set, drln restores 0.40 dB \(0.3\d to 0.4\d\) better than edsr\.", sentence)


def test_two_that_do_not_differ() -> None:
    sentence = told(edsr=0, drln=0.01)
    assert sentence.startswith("On 20 images of Set, ")
    assert " do not differ in PSNR beyond chance: 0.0" in sentence
    assert sentence.endswith(").")


def test_the_best_of_several_and_the_next() -> None:
    sentence = told(edsr=0, drln=0.7, rcan=0.3)
    assert sentence.startswith("On 20 images of Set, drln restores 0.4")
    assert sentence.endswith(" better than rcan, the next; all others are further behind.")


def test_no_two_differ() -> None:
    sentence = told(edsr=0, drln=0, rcan=0, han=0)
    assert sentence.startswith(
        "On 20 images of Set, no two of the 4 networks differ in PSNR beyond chance, given that 6 pairs are compared; "
        "the largest difference is that of "
    )
    assert "takes" not in sentence, "there were images enough"


def test_too_few_images_to_tell_any_apart() -> None:
    sentence = told(images=4, edsr=0, drln=2, rcan=4)
    assert "no two of the 3 networks differ in PSNR beyond chance" in sentence
    assert sentence.endswith("; to tell any pair apart takes 7 images.")
    assert told(images=4, edsr=0, drln=2).endswith("; to tell two networks apart takes 6 images.")


def test_the_best_is_not_apart_from_others_but_pairs_differ() -> None:
    sentence = told(edsr=0, drln=1, rcan=1.01, han=0.5)
    assert sentence.startswith("On 20 images of Set, ")
    assert " has the best PSNR, but not beyond chance before " in sentence
    assert "; 5 of 6 pairs of networks differ, " in sentence and " and edsr most, by 1.0" in sentence


def test_where_less_is_better_the_least_leads() -> None:
    values = {"edsr": IMAGES, "drln": IMAGES - 1 + NOISE[0]}
    made = compare(measure(values, better="low", title="error", unit="", more="errs {by} more than"), seed=0)
    assert leader_sentence(made).startswith("On 20 images of Set, edsr errs 1.0")
