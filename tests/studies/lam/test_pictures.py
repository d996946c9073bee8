"""LAM's pictures: the colours of `seismic`, and a kernel density that is SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import gaussian_kde

from l2xbench.studies.lam.pictures import kernel_density, map_pictures


def by_scipy(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The density at every pixel of points at every pixel."""
    y, x = np.indices(weights.shape)
    points = np.vstack([x.ravel(), y.ravel()])
    density = gaussian_kde(points, weights=weights.ravel())(points).reshape(weights.shape)
    return np.asarray(density / density.max())


@pytest.mark.parametrize("shape", [(12, 9), (9, 14)])
def test_the_density_is_scipys(shape: tuple[int, int]) -> None:
    weights = np.random.default_rng(0).random(shape) ** 6
    weights[2:4, 3:5] += 3
    np.testing.assert_allclose(kernel_density(weights), by_scipy(weights), atol=1e-9)


def test_places_on_a_line_have_no_density_and_are_shown_as_they_are() -> None:
    weights = np.zeros((6, 7))
    weights[2, 1:4] = [1, 2, 4]
    np.testing.assert_allclose(kernel_density(weights), weights / 4)
    single = np.zeros((6, 7))
    single[3, 3] = 2
    np.testing.assert_allclose(kernel_density(single), single / 2)
    assert (kernel_density(np.zeros((3, 3))) == 0).all()


def test_colours_are_those_of_the_papers() -> None:
    values = np.zeros((3, 4, 5))
    values[:, 1, 2], values[:, 2, 2] = -1, 0.5
    lr = np.random.default_rng(1).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    found = map_pictures(values, lr, 4)
    seismic = colormaps["seismic"]
    for (row, column), strength in (((1, 2), 1.0), ((2, 2), 0.5), ((0, 0), 0.0)):
        expected = (255 * np.array(seismic(strength * 0.5 + 0.5))[:3]).astype(np.uint8)
        patch = found.map[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
        assert (patch == expected).all(), "signs are dropped, and each LR pixel is a square"
    enlarged = np.asarray(Image.fromarray(lr).resize((20, 16), Image.Resampling.BICUBIC))
    np.testing.assert_allclose(found.over_image, (found.map.astype(float) + enlarged) / 2, atol=1)
    assert found.density.shape == (16, 20, 3)
