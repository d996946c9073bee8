"""Where things lie is what the contract says, and nothing lies outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.store.paths import is_inside, join_at_image, journal_path, outcome_path, plan_path, split_at_image
from l2xbench.store.units import GroupName, Unit


def test_the_contracts_places() -> None:
    maps = Unit("attribution", 1, "set5", "baby", "edsr", "l2x")
    assert outcome_path(maps, "attribution", ".npz") == Path("attributions/set5/edsr/baby.npz")
    lam = Unit("attribution", 1, "set5", "baby", "edsr", "lam")
    assert outcome_path(lam, "attribution", ".npz") == Path("attributions/set5/edsr/baby.lam.npz")
    assert outcome_path(Unit("inputs", 1, "set5", "baby", ""), "lr", ".png") == Path("inputs/set5/baby.lr.png")
    assert journal_path(lam.group) == Path("records/attribution/set5/edsr/lam.journal")
    assert journal_path(GroupName("inputs", "set5", "", "")) == Path("records/inputs/set5/units.journal")
    assert (plan_path(None), plan_path("ablation")) == (Path("records/plan.json"), Path("records/plan-ablation.json"))


def test_what_any_other_study_keeps_has_a_folder_of_its_own() -> None:
    unit = Unit("brightness", 1, "set5", "baby", "edsr")
    assert outcome_path(unit, "sr", ".png") == Path("outcomes/brightness/set5/edsr/baby.sr.png")
    labelled = Unit("brightness", 1, "set5", "baby", "edsr", "l2x")
    assert outcome_path(labelled, "curve", ".npz") == Path("outcomes/brightness/set5/edsr/baby.l2x.curve.npz")


@pytest.mark.parametrize(
    "path", ["sr/set5/edsr/baby.png", "sr/baby/baby/baby.lam.npz", "figures/other.png", "a/baby/b.png"]
)
def test_a_path_comes_back_from_its_parts(path: str) -> None:
    assert join_at_image(split_at_image(path, "baby"), "baby") == path
    assert split_at_image(path, "") == [path]


def test_what_lies_outside_is_known() -> None:
    assert is_inside(["sr/set5/edsr/", ".png"])
    assert not any(is_inside(parts) for parts in (["../sr/", ".png"], ["/sr/", ".png"], ["sr/../../", ".png"]))
