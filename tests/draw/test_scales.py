"""The scale that shows far pixels: where numbers lie on it, and which numbers stand at its bar."""

from __future__ import annotations

import numpy as np
import pytest

from l2xbench.draw import scales, style
from l2xbench.errors import RequestError


def test_each_power_of_ten_has_the_same_length_and_what_is_smaller_one_more() -> None:
    norm = scales.norm(2.0, "symlog")
    values = [-2, -0.2, -0.02, -0.002, -0.001, 0, 0.001, 0.002, 0.02, 0.2, 2]
    places = [0, 0.125, 0.25, 0.375, 0.4375, 0.5, 0.5625, 0.625, 0.75, 0.875, 1]
    assert np.asarray(norm(values)) == pytest.approx(places)
    assert np.asarray(norm.inverse(places)) == pytest.approx(values)
    beyond = np.asarray(norm([-2.1, 2.1]))
    assert beyond[0] < 0 and beyond[1] > 1, "what lies beyond the limit is drawn as such"
    assert np.asarray(scales.norm(2.0, "linear")([-2, 1])) == pytest.approx([0, 0.75])


@pytest.mark.parametrize("limit", [0.35, 1.0, 2.7, 1e-9, 9.9e4])
@pytest.mark.parametrize("half", [300, 110, 60])
def test_numbers_at_the_bar_are_true_apart_and_on_both_sides(limit: float, half: float) -> None:
    found = scales.ticks(limit, "symlog", half)
    assert found == [-tick for tick in found[::-1]] and found[-1] == limit and 0 in found
    places = half * (2 * np.asarray(scales.norm(limit, "symlog")(found)) - 1)
    widths = np.array([style.text_width(scales.signed(tick), style.SMALL_PT) for tick in found])
    assert (np.diff(places) > (widths[1:] + widths[:-1]) / 2).all(), "no number overlaps the next"
    inner = [tick for tick in found if 0 < tick < limit]
    assert all(np.log10(tick) == pytest.approx(round(np.log10(tick))) for tick in inner), "powers of ten"
    assert inner


def test_every_power_of_ten_that_has_room_stands_at_the_bar() -> None:
    assert scales.ticks(3.7, "symlog", 110)[4:] == [0, 0.01, 0.1, 1, 3.7]
    assert scales.ticks(1.6, "symlog", 110)[4:] == [0, 0.001, 0.01, 0.1, 1.6], "1 would touch the end"
    assert scales.ticks(1.6, "symlog", 500)[5:] == [0, 0.001, 0.01, 0.1, 1, 1.6]


def test_auto_is_linear_for_the_whole_image_alone() -> None:
    assert scales.resolved("auto", "image") == "linear"
    assert scales.resolved("auto", "patch:0,0,4,4") == scales.resolved("auto", "neuron:0,1,1") == "symlog"
    assert scales.resolved("symlog", "image") == "symlog" and scales.resolved("linear", "neuron:0,1,1") == "linear"


def test_an_unknown_scale_is_a_request_to_mend() -> None:
    with pytest.raises(RequestError, match="--scale: 'log' is not one of auto, linear, symlog"):
        scales.chosen("log", "--scale")
