from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from l2xbench.attribution import AttributionError
from l2xbench.attribution.references import gaussian_blur, make_reference

IMAGES = torch.rand(2, 3, 20, 14, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("text", "variance"), [("blur", 4.0), ("blur:alpha=2", 2.0), ("blur:alpha=0.5", 0.5)])
def test_blur_is_a_gaussian_of_that_variance(text: str, variance: float) -> None:
    sigma = variance**0.5
    expected = gaussian_filter(IMAGES.numpy(), (0, 0, sigma, sigma), mode="mirror", truncate=3.0)
    np.testing.assert_allclose(make_reference(text, IMAGES).numpy(), expected, atol=1e-14)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (1, 5), (2, 3), (4, 9)])
def test_blur_of_an_image_smaller_than_the_kernel(rows: int, columns: int) -> None:
    images = IMAGES[:1, :1, :rows, :columns]
    expected = gaussian_filter(images.numpy(), (0, 0, 2, 2), mode="mirror", truncate=3.0)
    np.testing.assert_allclose(gaussian_blur(images).numpy(), expected, atol=1e-14)


def test_blur_is_the_reference_of_the_golden_attributions(shared) -> None:
    golden = np.load(shared / "golden" / "carn_l2x.npz")
    found = make_reference("blur", torch.from_numpy(golden["input"]).double())
    np.testing.assert_allclose(found.numpy(), golden["reference"], atol=1e-12)


def test_mean_is_each_channels_own() -> None:
    reference = make_reference("mean", IMAGES)
    assert reference.shape == IMAGES.shape
    torch.testing.assert_close(reference[1, 2], torch.full((20, 14), IMAGES[1, 2].mean().item(), dtype=torch.float64))


def test_black_and_tensors() -> None:
    assert make_reference("black", IMAGES).abs().sum() == 0
    given = torch.rand(3, 1, 1)
    reference = make_reference(given, IMAGES)
    assert reference.shape == IMAGES.shape
    assert reference.dtype == IMAGES.dtype
    torch.testing.assert_close(reference[0, :, 5, 5], given.double().flatten())


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("blurr", "did you mean 'blur'"),
        ("gauss", "allowed: blur, mean, black"),
        ("blur:sigma=2", "option 'sigma' does not exist"),
        ("blur:alpha=-1", "give a variance above 0"),
        ("blur:alpha=wide", "alpha is 'wide'"),
        ("blur:", "option '' does not exist; allowed: alpha"),
        ("mean:alpha=2", "takes no options"),
        (3, "found int"),
        (torch.zeros(2, 3, 5, 5), r"\(2, 3, 5, 5\) does not fit inputs of shape \(2, 3, 20, 14\)"),
    ],
)
def test_a_wrong_reference_is_told_in_one_line(reference, words: str) -> None:
    with pytest.raises(AttributionError, match=words) as caught:
        make_reference(reference, IMAGES)
    assert "\n" not in str(caught.value)


def test_blur_needs_images() -> None:
    with pytest.raises(AttributionError, match="give a tensor"):
        make_reference("blur", torch.rand(2, 7))


@pytest.mark.parametrize("name", ["blur", "mean"])
@pytest.mark.parametrize("size", [(1, 1), (7, 9), (40, 30)])
def test_a_flat_image_has_no_difference_to_explain(name: str, size: tuple[int, int]) -> None:
    """Rounding must not look like one, whose map would be far from complete."""
    flat = torch.rand(1, 3, 1, 1).expand(1, 3, *size).contiguous()
    assert torch.equal(make_reference(name, flat), flat)
