"""Which part of an image is enlarged."""

from __future__ import annotations

import numpy as np
import pytest

from l2xbench.draw.zoom import around_target, zoom_box, zoom_psnr
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.options import HeatmapOptions


def test_a_broken_network_does_not_choose_the_part_where_others_differ_less() -> None:
    several = pictures(4)
    several[0][0:40, 0:40] = 255
    several[1][100:120, 60:90] = 130
    several[2][100:120, 60:90] = 70
    y, x, height, width = zoom_box("auto", "a", "image", several, 4)
    assert y <= 100 and y + height >= 120 and x <= 60 and x + width >= 90


def pictures(count: int = 2, size: tuple[int, int] = (160, 200)) -> list[np.ndarray]:
    return [np.full((*size, 3), 100, np.uint8) for _ in range(count)]


def test_the_part_is_where_the_networks_differ_most() -> None:
    several = pictures(3)
    several[1][100:120, 60:90] = 180
    y, x, height, width = zoom_box("auto", "a", "image", several, 4)
    assert height == width == 40, "a quarter of the shorter side"
    assert y <= 100 and y + height >= 120 and x <= 60 and x + width >= 90
    assert not any(number % 4 for number in (y, x, height, width)), "whole LR pixels"


def test_of_one_network_it_is_where_its_image_has_the_most_detail() -> None:
    (one,) = pictures(1)
    one[20:40:2, 150:170] = 0
    y, x, height, width = zoom_box("auto", "a", "image", [one], 4)
    assert y <= 20 and y + height >= 40 and x <= 150 and x + width >= 170


def test_a_small_image_is_shown_whole() -> None:
    assert zoom_box("auto", "a", "image", pictures(size=(48, 200)), 4) is None
    assert zoom_box(None, "a", "image", pictures(), 4) is None


def test_a_patch_that_was_explained_is_shown_with_its_surroundings() -> None:
    assert zoom_box("auto", "a", "patch:80,100,16,8", pictures(), 4) == (64, 80, 48, 48)
    assert around_target("patch:0,0,16,8", (160, 200)) == (0, 0, 48, 48)
    assert around_target("patch:80,100,60,8", (160, 200)) is None, "most of the image"
    assert around_target("neuron:0,3,4", (160, 200)) is None


def test_the_study_names_a_part_for_all_or_for_each() -> None:
    assert zoom_box("8,16,24,32", "a", "image", pictures(), 4) == (8, 16, 24, 32)
    each = {"a": "0,0,8,8"}
    assert zoom_box(each, "a", "image", pictures(), 4) == (0, 0, 8, 8)
    assert zoom_box(each, "b", "image", pictures(1), 4) is not None, "auto for the others"
    with pytest.raises(RequestError, match=r"heatmaps.zoom: 150,0,24,24 is not inside a, .* 160 x 200"):
        zoom_box("150,0,24,24", "a", "image", pictures(), 4)


@pytest.mark.parametrize("wrong", ["1,2,3", "a,b,c,d", "-1,0,8,8", {"a": "here"}])
def test_a_part_that_is_none_is_refused_with_the_study(wrong: object) -> None:
    with pytest.raises(ValueError, match="y,x,h,w in SR pixels"):
        HeatmapOptions(zoom=wrong)  # type: ignore[arg-type]


def test_psnr_of_the_part_is_of_the_part_alone() -> None:
    sr, hr = pictures()
    hr[:8, :8] = 110
    assert zoom_psnr(sr, hr, (8, 8, 16, 16)) == float("inf")
    assert zoom_psnr(sr, hr, (0, 0, 8, 8), "rgb") == pytest.approx(20 * np.log10(255 / 10))
    assert zoom_psnr(sr, None, (0, 0, 8, 8)) is None and zoom_psnr(sr, hr, None) is None
