"""Bicubic: against MATLAB's own numbers, and what must hold of any resizing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l2xbench.data import bicubic
from l2xbench.data.bicubic import resize
from l2xbench.data.images import read_image
from l2xbench.system.compat import import_basicsr


@settings(deadline=None, max_examples=40)
@given(
    level=st.integers(0, 255),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    factor=st.sampled_from([2, 3, 4, 8]),
    down=st.booleans(),
)
def test_a_constant_image_stays_so(level: int, height: int, width: int, factor: int, down: bool) -> None:
    if down:
        height, width = height * factor, width * factor
    image = np.full((height, width, 3), level, np.uint8)
    resized = resize(image, 1 / factor if down else factor)
    expected = (height // factor, width // factor, 3) if down else (height * factor, width * factor, 3)
    assert resized.shape == expected
    assert resized.dtype == np.uint8
    assert (resized == level).all()


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 2**16), factor=st.sampled_from([2, 3, 4]), side=st.integers(1, 4), down=st.booleans())
def test_a_small_image_is_the_middle_of_its_mirrored_extension(seed: int, factor: int, side: int, down: bool) -> None:
    """The border is mirrored as often as the kernel needs, so an extension by hand changes nothing."""
    pixels = side * factor if down else side
    image = np.random.default_rng(seed).integers(0, 256, (pixels, pixels, 3), dtype=np.uint8)
    extension = 12 * factor
    extended = np.pad(image, ((extension, extension), (extension, extension), (0, 0)), mode="symmetric")
    scale = 1 / factor if down else factor
    small, large = resize(image, scale), resize(extended, scale)
    cut = round(extension * scale)
    difference = large[cut : cut + small.shape[0], cut : cut + small.shape[1]].astype(int) - small
    assert np.abs(difference).max() <= 1  # float32 coordinates round differently further from the origin


def test_resizing_commutes_with_mirroring_and_transposing() -> None:
    image = np.random.default_rng(0).integers(0, 256, (24, 36, 3), dtype=np.uint8)
    for scale in (0.25, 3):
        resized = resize(image, scale).astype(int)
        assert np.abs(resize(image[:, ::-1], scale)[:, ::-1] - resized).max() <= 1
        assert np.abs(resize(image.transpose(1, 0, 2), scale).transpose(1, 0, 2) - resized).max() <= 1


def test_a_step_overshoots_as_keys_cubic_does() -> None:
    """Twofold enlargement of a step: weights (-9, 111, 29, -3)/128, by Keys' kernel with a = -1/2."""
    image = np.zeros((8, 8, 3), np.uint8)
    image[:] = np.array([50] * 4 + [178] * 4, np.uint8)[None, :, None]
    row = resize(image, 2)[4, :, 0].tolist()
    assert row == [50, 50, 50, 50, 50, 47, 41, 76, 152, 187, 181, 178, 178, 178, 178, 178]


def test_is_matlabs_up_to_its_rounding_between_the_passes(shared: Path) -> None:
    """SelfExSR's LR files were made by MATLAB's imresize on uint8 with an older border rule."""
    for data_set in ("Set5", "Set14"):
        for file in sorted((shared / "data" / data_set / "image_SRF_4").glob("*_HR.png")):
            theirs = read_image(file.with_name(file.name.replace("_HR", "_LR"))).astype(int)
            ours = resize(read_image(file), 1 / 4).astype(int)
            inside = (ours - theirs)[2:-2, 2:-2]
            assert (inside == 0).mean() > 0.88, file
            assert (np.abs(inside) <= 1).mean() > 0.985, file
            assert abs(inside.mean()) < 0.01, file


@pytest.mark.parametrize(("size", "scale", "expected"), [((9, 10), 0.25, (3, 3)), ((3, 5), 4, (12, 20))])
def test_sizes_are_rounded_up(size: tuple[int, int], scale: float, expected: tuple[int, int]) -> None:
    assert resize(np.zeros((*size, 3), np.uint8), scale).shape[:2] == expected


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 1 / 4, 1 / 8, 2, 3, 4, 0.7])
def test_is_basicsrs_to_its_float32(scale: float, with_basicsr: None) -> None:
    theirs = import_basicsr("basicsr.utils.matlab_functions").imresize
    image = np.random.default_rng(0).integers(0, 256, (48, 60, 3), dtype=np.uint8)
    expected = theirs(image / 255.0, scale)
    levels = (expected.clip(0, 1) * 255).round()
    assert (resize(image, scale) != levels).mean() < 1e-3, "a half that its float32 rounds the other way, at most"
    exact = image / np.float32(255)
    for axis in (0, 1):
        exact = bicubic._along(exact, axis, scale)
    assert np.abs(exact - expected).max() < 4e-7, "its sums round in float32, ours do not"
