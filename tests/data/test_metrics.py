"""PSNR and SSIM: the published figures, closed forms, and refusals."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from l2xbench.data import images, metrics
from l2xbench.data.bicubic import resize
from l2xbench.data.datasets import open_dataset
from l2xbench.data.metrics import Colour, psnr, ssim
from l2xbench.errors import RequestError
from l2xbench.system.compat import import_basicsr


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    hr = rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)
    return np.clip(hr + rng.normal(0, 12, hr.shape), 0, 255).astype(np.uint8), hr


@pytest.mark.parametrize(("name", "expected"), [("Set5", (28.432, 0.8113)), ("Set14", (26.093, 0.7049))])
def test_bicubic_has_its_known_figures(shared: Path, name: str, expected: tuple[float, float]) -> None:
    pairs = [pair.load(4) for pair in open_dataset(name, shared / "data" / name, 4).pairs]
    figures = []
    for pair in pairs:
        sr = resize(pair.lr, 4)
        assert pair.hr is not None
        figures.append((psnr(sr, pair.hr, 4), ssim(sr, pair.hr, 4)))
    mean = np.mean(figures, axis=0)
    assert mean[0] == pytest.approx(expected[0], abs=5e-4)
    assert mean[1] == pytest.approx(expected[1], abs=5e-5)


def test_psnr_is_its_definition(pair: tuple[np.ndarray, np.ndarray]) -> None:
    sr, hr = pair
    inside = (slice(3, -3), slice(3, -3))
    squared = (sr[inside].astype(float) - hr[inside]) ** 2
    assert psnr(sr, hr, 3, "rgb") == pytest.approx(10 * math.log10(255**2 / squared.mean()), abs=1e-9)
    luma = (sr[inside].astype(float) - hr[inside]) @ np.array([65.481, 128.553, 24.966]) / 255
    assert psnr(sr, hr, 3, "y") == pytest.approx(10 * math.log10(255**2 / (luma**2).mean()), abs=1e-4)


def test_ssim_is_that_of_another_library(pair: tuple[np.ndarray, np.ndarray]) -> None:
    sr, hr = pair
    theirs = structural_similarity(
        sr.astype(float), hr.astype(float), channel_axis=2, data_range=255, win_size=11, sigma=1.5,
        gaussian_weights=True, use_sample_covariance=False,
    )  # fmt: skip
    assert ssim(sr, hr, 0, "rgb") == pytest.approx(theirs, abs=1e-10)


def test_red_and_blue_are_not_exchanged() -> None:
    hr = np.zeros((12, 12, 3), np.uint8)
    red, blue = hr.copy(), hr.copy()
    red[..., 0] = blue[..., 2] = 100
    assert psnr(red, hr, 0) < psnr(blue, hr, 0)  # red weighs 65.5 in luma, blue 25.0


def test_equal_images() -> None:
    image = np.arange(20 * 20 * 3).reshape(20, 20, 3).astype(np.uint8)
    assert psnr(image, image, 4) == math.inf
    assert ssim(image, image, 4) == pytest.approx(1)


def test_only_what_is_inside_the_border_counts() -> None:
    hr = np.full((24, 24, 3), 128, np.uint8)
    sr = hr.copy()
    sr[:4] = 0
    assert psnr(sr, hr, 4) == math.inf
    assert psnr(sr, hr, 3) < 30


def test_too_small_for_the_border() -> None:
    image = np.zeros((18, 40, 3), np.uint8)
    with pytest.raises(RequestError, match="at least 19 x 19"):
        ssim(image, image, 4)
    assert psnr(image, image, 8) == math.inf
    with pytest.raises(RequestError, match="40 x 18 pixels is too small"):
        psnr(image, image, 9)


def test_shapes_and_colours_are_checked() -> None:
    image = np.zeros((20, 20, 3), np.uint8)
    with pytest.raises(ValueError, match="differ in shape"):
        psnr(image, image[:-1], 0)
    with pytest.raises(ValueError, match="'y' or 'rgb'"):
        ssim(image, image, 0, "lab")  # type: ignore[arg-type]


@pytest.mark.parametrize("colour", ["y", "rgb"])
@pytest.mark.parametrize("border", [0, 4])
def test_a_comparison_of_many_gives_the_numbers_of_one(colour: str, border: int) -> None:
    draw = np.random.default_rng(0)
    hr = draw.integers(0, 256, (37, 50, 3)).astype(np.uint8)
    clean = torch.from_numpy(hr.copy()).permute(2, 0, 1)[None] / 255
    sr = clean + torch.tensor([0.02, 0.3]).view(2, 1, 1, 1) * torch.from_numpy(draw.normal(size=(2, 3, 37, 50)))
    found = metrics.Comparison(hr, border, colour)(sr)
    for place in range(2):
        image = images.to_image(sr[place : place + 1])
        assert found[0][place] == pytest.approx(metrics.psnr(image, hr, border, colour), abs=1e-5)
        assert found[1][place] == pytest.approx(metrics.ssim(image, hr, border, colour), abs=1e-7)
    assert metrics.Comparison(hr, border, colour)(clean)[0] == [float("inf")]
    with pytest.raises(RequestError, match="too small"):
        metrics.Comparison(hr[:10], border, colour)
    with pytest.raises(ValueError, match="differ in shape"):
        metrics.Comparison(hr, border, colour)(sr[:, :, :-1])


def test_a_comparison_does_not_depend_on_the_threads() -> None:
    draw = np.random.default_rng(0)
    hr = draw.integers(0, 256, (400, 500, 3)).astype(np.uint8)
    srs = [torch.from_numpy(draw.random((1, 3, 400, 500), np.float32)) for _ in range(8)]
    before, found = torch.get_num_threads(), []
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append([metrics.Comparison(hr, 4)(sr) for sr in srs])
    finally:
        torch.set_num_threads(before)
    assert found[0] == found[1]


@pytest.mark.parametrize("colour", ["y", "rgb"])
def test_both_are_basicsrs(pair: tuple[np.ndarray, np.ndarray], colour: Colour, with_basicsr: None) -> None:
    theirs = import_basicsr("basicsr.metrics")
    sr, hr = pair
    bgr, options = (sr[..., ::-1], hr[..., ::-1], 4), {"test_y_channel": colour == "y"}
    assert psnr(sr, hr, 4, colour) == pytest.approx(theirs.calculate_psnr(*bgr, **options), abs=1e-9)
    assert ssim(sr, hr, 4, colour) == pytest.approx(theirs.calculate_ssim(*bgr, **options), abs=1e-9)
