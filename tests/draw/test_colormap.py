from __future__ import annotations

import numpy as np
import pytest

from l2xbench.draw.colormap import PALETTES, colour_map, over_image, shared_limit, signed_map
from l2xbench.errors import RequestError

WHITE = np.full((1, 1, 3), 255, np.uint8)


def luminance(colour: np.ndarray) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_channels_are_summed_with_their_signs() -> None:
    values = np.array([[[1.0]], [[-3.0]], [[0.5]]], dtype=np.float32)
    assert signed_map(values) == pytest.approx(-1.5)
    assert signed_map(values[0]) == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r"not \(1, 3, 1, 1\)"):
        signed_map(values[None])


def test_the_limit_leaves_a_tenth_of_the_attribution_beyond_it() -> None:
    random = np.random.default_rng(1)
    maps = [random.laplace(size=(60, 60)), 2 * random.laplace(size=(60, 60))]
    size = np.abs(np.concatenate([one.ravel() for one in maps]))
    limit = shared_limit(maps)
    assert 0.07 < size[size > limit].sum() / size.sum() <= 0.10


def test_zeros_around_a_small_target_and_a_few_extremes_do_not_move_the_limit() -> None:
    random = np.random.default_rng(2)
    small = random.laplace(size=(40, 40))
    surrounded = np.zeros((400, 400))
    surrounded[:40, :40] = small
    spiked = small.copy()
    spiked[0, 0] = 50.0
    assert shared_limit([surrounded]) == shared_limit([small])
    assert shared_limit([spiked]) == pytest.approx(shared_limit([small]), rel=0.15)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_the_limit_has_two_digits(scale: float) -> None:
    limit = shared_limit([scale * np.array([[3.14159, 3.14159]])])
    assert limit == pytest.approx(3.2 * scale, rel=1e-9)


def test_maps_without_a_value_have_a_limit() -> None:
    assert shared_limit([np.zeros((2, 2)), np.full((2, 2), np.nan)]) == 1.0


@pytest.mark.parametrize("palette", PALETTES)
def test_zero_is_clear_and_the_limit_is_the_bars_colour_on_any_backdrop(palette: str) -> None:
    black = np.zeros((1, 1, 3), np.uint8)
    colours = colour_map(palette)
    zero, full = np.array([[0.0]]), np.array([[1.0]])
    assert (over_image(zero, WHITE, 1.0, palette) == 255).all()
    assert (np.ptp(over_image(zero, black, 1.0, palette)) == 0) and over_image(zero, black, 1.0, palette).min() > 127
    for values, end in ((full, 1.0), (-full, 0.0)):
        expected = np.rint(255 * np.array(colours(end)[:3]))
        assert over_image(values, WHITE, 1.0, palette)[0, 0] == pytest.approx(expected, abs=1)
        assert over_image(values, black, 1.0, palette)[0, 0] == pytest.approx(expected, abs=16)


def test_green_is_positive_and_red_is_negative() -> None:
    up = over_image(np.array([[1.0]]), WHITE, 1.0, "green-red")[0, 0]
    down = over_image(np.array([[-1.0]]), WHITE, 1.0, "green-red")[0, 0]
    assert up.argmax() == 1
    assert down.argmax() == 0


@pytest.mark.parametrize("palette", PALETTES)
def test_both_arms_darken_steadily_and_alike_and_clipping_shows(palette: str) -> None:
    colours = colour_map(palette)
    up = [luminance(np.array(colours(0.5 + step / 20)[:3])) for step in range(11)]
    down = [luminance(np.array(colours(0.5 - step / 20)[:3])) for step in range(11)]
    assert up == sorted(up, reverse=True)
    assert down == sorted(down, reverse=True)
    assert max(abs(a - b) for a, b in zip(up, down, strict=True)) < 0.13
    assert luminance(np.array(colours(1.5)[:3])) < up[-1] / 2
    assert luminance(np.array(colours(-0.5)[:3])) < down[-1] / 2


def test_nan_is_drawn_as_nothing() -> None:
    assert (over_image(np.array([[np.nan]]), WHITE, 1.0, "green-red") == 255).all()


def test_an_unknown_palette_is_refused_with_the_known_ones() -> None:
    with pytest.raises(RequestError, match="'jet' is not one of green-red, blue-orange"):
        colour_map("jet")
