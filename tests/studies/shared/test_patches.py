"""Which patches are looked at, and what lies under them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.studies.shared.patches import SquarePatch, patches_of
from l2xbench.studies.shared.places import ChosenPlaces, check_places, patch_options


def pair(height: int = 24, width: int = 32, digest: str = "ab" * 32) -> LoadedPair:
    lr = np.full((height, width, 3), 90, np.uint8)
    lr[9:11, 18] = 200  # a stripe
    lr[15:18, 5:8:2] = 120  # fainter ones
    return LoadedPair("made", lr, None, digest)


def options(places: Any, size: int | None = None, scale: int = 4, seed: int = 0) -> dict[str, Any]:
    return {**patch_options(places, size, scale), "seed": seed}


def test_given_places_are_taken_as_they_are() -> None:
    found = patches_of(pair(), options([(0, 0), (112, 80)]))
    assert found == [SquarePatch(0, 0, 16), SquarePatch(112, 80, 16)]
    assert found[1].target == "patch:80,112,16,16"
    for place in ((113, 80), (112, 81)):
        with pytest.raises(RequestError, match=r"the patch of 16 x 16 SR pixels at .* is not within the 128 x 96"):
            patches_of(pair(), options([place]))


def test_middle_and_footprint_are_in_lr_pixels() -> None:
    assert SquarePatch(0, 8, 8).middle(4) == (2.5, 0.5)
    assert SquarePatch(0, 8, 8).footprint(4) == (slice(2, 4), slice(0, 2))
    assert SquarePatch(2, 7, 4).footprint(4) == (slice(1, 3), slice(0, 2)), "parts of LR pixels count"


def test_detail_goes_where_lr_varies_and_patches_do_not_overlap() -> None:
    found = patches_of(pair(), options(ChosenPlaces(count=2, by="detail")))
    rows, columns = found[0].footprint(4)
    assert rows.start <= 9 and rows.stop >= 11 and columns.start >= 15 and columns.stop <= 21
    faint = found[1].footprint(4)
    assert abs(faint[0].start - 15) <= 3 and abs(faint[1].start - 5) <= 3
    many = patches_of(pair(), options(ChosenPlaces(count=50, by="detail")))
    assert 4 < len(many) < 30, "as many as there is room for"
    seen = np.zeros((24, 32), int)
    for patch in many:
        seen[patch.footprint(4)] += 1
    assert seen.max() == 1
    assert seen[:3].sum() == seen[:, :3].sum() == seen[-3:].sum() == seen[:, -3:].sum() == 0, "there is context around"


def test_random_places_hang_on_image_and_seed_alone() -> None:
    wanted = ChosenPlaces(count=3, by="random")
    first = patches_of(pair(), options(wanted))
    assert patches_of(pair(), options(wanted)) == first
    assert patches_of(pair(digest="cd" * 32), options(wanted)) != first
    assert patches_of(pair(), options(wanted, seed=1)) != first


def test_disagreement_goes_where_two_bundled_networks_differ() -> None:
    lr = np.full((20, 20, 3), 120, np.uint8)
    lr[6:14, 6:14] = np.random.default_rng(0).integers(0, 256, (8, 8, 3))
    found = patches_of(LoadedPair("noise", lr, None, "ef" * 32), options(ChosenPlaces(count=1, by="disagreement")))
    rows, columns = found[0].footprint(4)
    assert 5 <= rows.start <= 11 and 5 <= columns.start <= 11
    assert options(ChosenPlaces(by="disagreement"))["places"]["committee"], "other weights would give other places"


@pytest.mark.parametrize(
    ("places", "size", "scale", "told"),
    [
        (ChosenPlaces(), 10, 4, "context.size: 10 SR pixels are no whole number of LR pixels at scale 4; say 12"),
        (ChosenPlaces(by="disagreement"), None, 2, "disagreement is that of bundled networks, which are of scale 4"),
    ],
)
def test_what_would_fail_for_every_image_is_told_before(
    places: ChosenPlaces, size: int | None, scale: int, told: str
) -> None:
    with pytest.raises(RequestError, match=told):
        check_places("context", places, size, scale)
    check_places("context", [(1, 1)], size, scale)


def test_an_image_without_room_is_told_by_name() -> None:
    with pytest.raises(RequestError, match="made has 3 x 24 LR pixels, too few for a patch of 4 x 4"):
        patches_of(LoadedPair("made", np.zeros((24, 3, 3), np.uint8), None, "ab" * 32), options(ChosenPlaces()))
