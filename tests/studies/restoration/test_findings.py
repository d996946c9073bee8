"""What is said of the interpolation, on made records."""

from __future__ import annotations

import re

import pytest

from l2xbench.store.records import Record
from l2xbench.studies.restoration import STUDY
from l2xbench.studies.restoration.findings import beyond_interpolation
from tests.studies.results import results_of

LEVEL = [20.0, 25.0, 30.0, 24.0, 28.0, 26.0, 23.0, 31.0]


def restored(model: str, gains: list[float | None]) -> list[Record]:
    """PSNR so far above images that are harder and easier."""
    return [
        Record("key", "restoration", "Set", model, f"image{place}", "", {"psnr": psnr, "ssim": None, "parameters": 1})
        for place, (level, gain) in enumerate(zip(LEVEL, gains, strict=False))
        for psnr in [None if gain is None else level + gain]
    ]


def told(**gains: list[float | None]) -> list[str]:
    records = [record for name, each in gains.items() for record in restored(name, each)]
    networks = [name for name in gains if name != "bicubic"]
    found = beyond_interpolation(results_of(records, networks, datasets={"Set": None}))
    assert all((finding.table, finding.importance) == ("table1", 1) for finding in found)
    return [finding.sentence for finding in found]


BICUBIC: list[float | None] = [0.0] * 8
BETTER: list[float | None] = [2.0, 2.2, 1.8, 2.1, 1.9, 2.0, 2.3, 1.7]
EQUAL: list[float | None] = [0.5, -0.4, 0.3, -0.6, 0.2, -0.1, 0.4, -0.3]


def test_all_networks_are_better() -> None:
    (sentence,) = told(bicubic=BICUBIC, edsr=BETTER, rcan=[1.0 + one for one in BETTER if one])
    assert re.fullmatch(
        r"On 8 images of Set, all 2 networks restore better than bicubic: from edsr by 2.00 dB \(1.8\d to 2.1\d\) to "
        r"rcan by 3.00 dB \(2.8\d to 3.1\d\)\.",
        sentence,
    )


def test_one_network_is_better() -> None:
    (sentence,) = told(bicubic=BICUBIC, edsr=BETTER)
    told_of = r"On 8 images of Set, edsr restores 2.00 dB \(1.8\d to 2.1\d\) better than bicubic\."
    assert re.fullmatch(told_of, sentence)


def test_a_network_that_is_not_better_is_named() -> None:
    (sentence,) = told(bicubic=BICUBIC, edsr=BETTER, rcan=EQUAL)
    assert sentence.startswith(
        "On 8 images of Set, rcan is not shown to restore better than bicubic; rcan has the least difference, 0.00 dB ("
    )
    (sentence,) = told(bicubic=BICUBIC, rcan=EQUAL)
    assert "rcan is not shown to restore better than bicubic: the difference is 0.00 dB (−0.3" in sentence


def test_a_network_that_is_worse_is_said_to_be_worse() -> None:
    broken: list[float | None] = [-15.0 - one for one in BETTER if one]
    (sentence,) = told(bicubic=BICUBIC, net=broken)
    assert re.fullmatch(
        r"On 8 images of Set, net restores worse than bicubic, beyond chance: by 17.00 dB \(16.8\d to 17.1\d\)\.",
        sentence,
    )
    (sentence,) = told(bicubic=BICUBIC, edsr=BETTER, rcan=EQUAL, net=broken)
    assert "Set, net restores worse than bicubic, beyond chance: by 17.00 dB (16.8" in sentence
    assert sentence.endswith("; rcan is not shown to restore better than bicubic.") and "edsr" not in sentence
    (sentence,) = told(bicubic=BICUBIC, net=broken, other=[one + 1 for one in broken if one])
    assert "net and other restore worse than bicubic, beyond chance: net the most, by 17.00 dB (" in sentence


@pytest.mark.parametrize("gains", [{"edsr": BETTER}, {"bicubic": [0.0], "edsr": [2.0]}])
def test_nothing_is_said_without_interpolation_or_a_second_image(gains: dict) -> None:
    assert told(**gains) == []


def test_nothing_is_said_without_hr() -> None:
    assert told(bicubic=[None] * 8, edsr=[None] * 8) == []


def test_what_is_marked_in_the_tables_is_better_beyond_its_interval() -> None:
    third: list[float | None] = [one - 0.05 * (place % 3 - 1) for place, one in enumerate(BETTER) if one]
    leading: list[float | None] = [one + 1 for one in BETTER if one]
    bold, second, plain = marks(edsr=leading, rcan=BETTER, han=EQUAL)
    assert (bold, second, plain) == ("**28.88**", "<ins>27.88</ins>", "25.88")
    assert marks(edsr=BETTER, rcan=third, han=EQUAL) == ["27.88", "27.88", "25.88"], "nobody leads, so nobody is next"
    assert marks(edsr=leading, rcan=BETTER, han=third)[1:] == ["27.88", "27.88"]


def marks(**gains: list[float | None]) -> list[str]:
    records = [record for name, each in gains.items() for record in restored(name, each)]
    table, _ = STUDY.tables(results_of(records, list(gains), datasets={"Set": None}))
    lines = [line.split(" | ") for line in table.texts()["md"].splitlines() if line.startswith("| Set ")]
    assert len(lines) == len(gains)
    return [line[2] for line in lines]
