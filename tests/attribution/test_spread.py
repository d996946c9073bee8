"""How widely a map is spread: closed forms, and the table that issue 16 gives for real networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import l2xbench
from l2xbench.attribution import AttributionError, explain
from l2xbench.attribution.spread import diffusion_index, distances, radii_holding, shares_beyond
from l2xbench.data.images import read_image, to_tensor

ONE = np.zeros((3, 10, 10))
ONE[:, 4, 4] = 1
HALF = np.ones((3, 10, 10))
HALF[:, :5] = 0


def gini_by_pairs(sizes: np.ndarray) -> float:
    """The coefficient's definition: the mean absolute difference of two values, over twice their mean."""
    return float(abs(sizes[:, None] - sizes[None, :]).mean() / (2 * sizes.mean()))


def test_diffusion_index_of_known_maps() -> None:
    assert l2xbench.diffusion_index is diffusion_index
    assert diffusion_index(ONE) == pytest.approx(1, abs=2e-3), "a pixel of a hundred"
    assert diffusion_index(HALF) == pytest.approx(50, abs=2e-3)
    assert diffusion_index(-HALF) == diffusion_index(7 * HALF), "neither sign nor size counts"
    assert diffusion_index(np.ones((3, 10, 10))) == pytest.approx(100)
    assert diffusion_index(np.zeros((3, 10, 10))) == pytest.approx(100)


def test_diffusion_index_is_the_definition_with_the_published_addend() -> None:
    values = np.random.default_rng(0).standard_normal((3, 8, 9)) ** 5
    sizes = abs(values.sum(0)).ravel()
    expected = 100 * (1 - gini_by_pairs(sizes / sizes.max() + 1e-7))
    assert diffusion_index(values) == pytest.approx(expected, rel=1e-10)
    assert diffusion_index(torch.from_numpy(values).requires_grad_(True)) == diffusion_index(values)


def test_one_images_batch_is_its_map_and_of_several_none_is_taken() -> None:
    values = torch.rand(1, 3, 5, 6)
    assert diffusion_index(values) == diffusion_index(values[0])
    with pytest.raises(AttributionError, match="give one image's map"):
        diffusion_index(torch.rand(2, 3, 5, 6))


def test_shares_and_radii_of_a_known_map() -> None:
    values = np.zeros((2, 9, 9))
    values[0, 4, 4], values[1, 4, 6], values[0, 1, 4], values[1, 8, 8] = 5, -2, 2, -1
    assert shares_beyond(values, (4, 4), [0, 1, 2, 3, 4]) == pytest.approx([0.5, 0.5, 0.3, 0.1, 0])
    assert radii_holding(values, (4, 4), [0.5, 0.51, 0.9, 0.99]).tolist() == [0, 2, 3, 4]
    assert radii_holding(np.full((1, 4, 4), 0.1), (1.5, 1.5), [0.25, 1]).tolist() == [0.5, 1.5]
    assert distances((2, 3), (0.5, 1)).tolist() == [[1, 0.5, 1], [1, 0.5, 1]]


def test_a_map_of_zeros_has_no_shares() -> None:
    assert np.isnan(shares_beyond(np.zeros((1, 4, 4)), (2, 2), [1])).all()
    assert np.isnan(radii_holding(np.zeros((1, 4, 4)), (2, 2))).all()


@pytest.mark.parametrize(
    ("values", "said"), [(np.ones((4, 4)), r"shape \(4, 4\)"), (np.full((3, 2, 2), np.nan), "NaN or Inf")]
)
def test_what_is_no_map_is_refused(values: np.ndarray, said: str) -> None:
    with pytest.raises(AttributionError, match=said):
        diffusion_index(values)


ISSUE_16 = {
    "carn-m": ("carn_m_multiscale.pth", [0.570, 0.0043, 0.0000], 0.97),
    "dctlsa": ("dctlsa_x4.pt", [0.575, 0.138, 0.035], 4.34),
    "dat-light": ("dat_light_x4.pth", [0.616, 0.224, 0.155], 9.43),
}
"""Network -> checkpoint, shares beyond 2, 8 and 16 LR pixels to the digits given, diffusion index."""


@pytest.mark.parametrize("name", ISSUE_16)
def test_the_table_of_three_published_networks(shared: Path, name: str) -> None:
    file, beyond, index = ISSUE_16[name]
    weights = shared / "checkpoints" / file
    network = l2xbench.load_model(name, weights=weights) if name == "carn-m" else l2xbench.load_model(weights)
    lr = to_tensor(read_image(shared / "data/Urban100/image_SRF_4/img_005_SRF_4_LR.png")[60:124, 60:124])
    values = explain(network, lr, target="patch:120,120,16,16").values[0]
    found = shares_beyond(values, (31.5, 31.5), [2, 8, 16])
    for share, expected in zip(found, beyond, strict=True):
        assert share == pytest.approx(expected, abs=0.5 * 10.0 ** -(4 if expected < 0.01 else 3))
    assert diffusion_index(values) == pytest.approx(index, abs=0.005)
