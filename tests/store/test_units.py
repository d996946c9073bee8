"""A unit's key holds all that decides its result, and an outcome may be finished later."""

from __future__ import annotations

import pytest

from l2xbench.store.units import GroupName, Outcome, Unit
from tests.store.samples import GROUP, UNIT


def test_the_key_holds_everything_that_decides() -> None:
    keys = {
        UNIT.key("net", "image"),
        UNIT.key("other net", "image"),
        UNIT.key("net", "other image"),
        Unit("restoration", 2, "set5", "img_001", "edsr", options={"border": 4}).key("net", "image"),
        Unit("restoration", 1, "set5", "img_001", "edsr", options={"border": 2}).key("net", "image"),
        Unit("restoration", 1, "set5", "img_001", "edsr", "lam", {"border": 4}).key("net", "image"),
    }
    assert len(keys) == 6
    depending = [Unit("ablation", 1, "set5", "i", "edsr", needs=UNIT.at("i")), Unit("ablation", 1, "set5", "i", "edsr")]
    assert len({unit.key("net", "image") for unit in depending}) == 2
    renamed = Unit("restoration", 1, "other", "other", "other", options={"border": 4})
    assert renamed.key("net", "image") == UNIT.key("net", "image"), "names decide nothing"


def test_a_key_is_recipe_and_image() -> None:
    recipe, _, digest = UNIT.key("net", "image").partition(".")
    assert recipe == UNIT.recipe("net") and len(recipe) == len(digest) == 32
    assert UNIT.key("net", "") == recipe


def test_units_that_differ_in_the_image_alone_are_a_group() -> None:
    assert UNIT.group == UNIT.at("another").group == GROUP == GroupName("restoration", "set5", "edsr", "")
    assert str(Unit("attribution", 1, "set5", "baby", "edsr", "lam")) == "attribution lam edsr set5 baby"
    assert Unit("ablation", 1, "set5", "i", "edsr", needs=UNIT).at("j").needs == UNIT.at("j")


def test_what_is_left_for_later_is_added() -> None:
    whole = Outcome({"seconds": 1.0}, later=lambda: Outcome({"psnr": 30.0})).finished()
    assert whole.values == {"seconds": 1.0, "psnr": 30.0} and whole.later is None

    def fail() -> Outcome:
        raise ValueError("no PSNR")

    with pytest.raises(ValueError, match="no PSNR"):
        Outcome({}, later=fail).finished()
