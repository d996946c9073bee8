"""Sentences of made gaps: above random order and the control, equal to them, below them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from l2xbench.studies.ablation import STUDY
from l2xbench.studies.ablation.findings import control_sentence, in_ssim, methods_sentence, random_sentence
from tests.studies.ablation.test_tables import records, results

NETWORKS = ["edsr", "swinir"]
NOISE = np.array([[0.2, -0.1, 0.1, -0.2, 0.15, -0.15], [-0.1, 0.1, 0.2, -0.2, -0.15, 0.15]])
WHAT = "the pixels that l2x ranks first"


def random_told(gap: float, ssim: float = 0.5) -> str:
    return random_sentence("Set", WHAT, NETWORKS, NOISE + gap, NOISE + ssim, seed=0)


def control_told(*ahead: float) -> str:
    return control_sentence("Set", "l2x", NETWORKS, NOISE + np.array(ahead)[:, None], NOISE + 0.5, seed=0)


def test_an_order_lowers_psnr_more_than_random_order() -> None:
    assert re.fullmatch(
        r"On 6 images of Set, masking the pixels that l2x ranks first lowers PSNR by 2.00 dB \(1.8\d to 2.1\d\) more "
        r"than masking random ones on average over 2 networks; SSIM falls further too, by 0.500 "
        r"\(0.3\d\d to 0.6\d\d\)\.",
        random_told(2),
    )
    alone = random_sentence("Set", WHAT, NETWORKS[:1], NOISE[:1] + 2, NOISE[:1] + 0.5, seed=0)
    assert " more than masking random ones; SSIM" in alone


def test_an_order_that_is_not_shown_to_be_better_or_is_worse() -> None:
    assert random_told(0.01).startswith(
        "On 6 images of Set, masking the pixels that l2x ranks first is not shown to lower PSNR more than masking "
        "random ones: the difference is 0.01 dB (−0."
    )
    assert "lowers PSNR less than masking random ones, by 2.00 dB (1." in random_told(-2)


def test_ssim_that_falls_less_or_is_not_shown_to_fall_further_is_said_beside_psnr() -> None:
    assert re.search(r"networks; SSIM falls less, by 0.300 \(0.1\d\d to 0.4\d\d\)\.$", random_told(2, -0.3))
    assert re.search(r"; in SSIM a larger fall is not shown: −0.030 \(−0.1\d\d to 0.\d\d\d\)\.$", random_told(2, -0.03))
    assert in_ssim(np.full((1, 1), 0.1), 0) == "SSIM is not known"


def test_an_order_is_better_than_the_control_and_exceptions_are_named() -> None:
    told = control_told(1, 1)
    assert told.startswith(
        "On 6 images of Set, l2x orders pixels better than |x - x'| (image minus reference), "
        "which knows no network: PSNR "
    )
    assert re.search(r"falls by 1.00 dB \(0.8\d to 1.1\d\) more on average over 2 networks; SSIM falls further", told)
    assert control_told(1, 0.02).count("; on swinir alone this is not beyond chance; SSIM ")
    assert control_told(0.15, 0.15).count("; on no network alone is this beyond chance; SSIM ")


def test_an_order_is_no_better_than_the_control_or_worse() -> None:
    assert control_told(0, 0).startswith(
        "On 6 images of Set, l2x orders pixels no better, beyond chance, than |x - x'| (image minus reference), which "
    )
    assert "l2x orders pixels worse than |x - x'|" in control_told(-1, -1)
    assert "PSNR falls by 1.00 dB (0." in control_told(-1, -1) and " less on average" in control_told(-1, -1)


def test_the_best_of_several_methods_and_those_that_equal_it() -> None:
    wide = np.concatenate([NOISE, NOISE[:, ::-1]], axis=1)
    other = np.roll(wide, 3, axis=1)
    gaps = np.stack([wide + 1, other + 1, wide + 3])
    methods = ["l2x", "lam", "integrated_gradients"]
    assert re.fullmatch(
        r"On 12 images of Set, of 3 methods integrated_gradients's order lowers PSNR most, 3.00 dB \(2.9\d to 3.0\d\) "
        r"below random order: further than that of any other\.",
        methods_sentence("Set", methods, gaps, seed=0),
    )
    told = methods_sentence("Set", methods, np.stack([wide + 3, other + 3, wide]), seed=0)
    assert told.endswith("below random order: not beyond chance further than that of lam.")
    told = methods_sentence("Set", methods[:2], np.stack([wide + 3, other + 3]), seed=0)
    assert told.endswith("not beyond chance further than that of any other.")


def test_a_study_tells_of_random_order_and_the_control_with_its_table() -> None:
    made = results(records(NETWORKS), NETWORKS)
    tables = {table.name: table for table in STUDY.tables(made)}
    first, second = STUDY.findings(made, tables)
    assert "more than masking random ones" in first.sentence and "which knows no network" in second.sentence
    assert [(one.table, one.importance) for one in (first, second)] == [("ablation_psnr", 1)] * 2
    one_image = [record for record in records(NETWORKS) if record.image == "a"]
    assert STUDY.findings(results(one_image, NETWORKS), {}) == []


def test_the_gap_of_each_image_is_what_networks_are_compared_by() -> None:
    (measure,) = STUDY.measures(results(records(NETWORKS), NETWORKS))
    assert (measure.name, measure.networks, list(measure.images)) == ("gap_l2x", NETWORKS, ["a", "b", "c"])
    assert measure.values == pytest.approx(np.full((2, 3), 3.0))
