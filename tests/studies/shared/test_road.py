"""Noisy linear imputation: the published equations, solved exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from l2xbench.studies.shared.features import without
from l2xbench.studies.shared.road import NOISE, imputed


def by_dense_solve(planes: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Each hidden pixel is the weighted mean of its neighbours within the image: 1/6 beside it, 1/12 diagonally."""
    height, width = hidden.shape
    places = [tuple(place) for place in np.argwhere(hidden)]
    system, known = np.zeros((len(places), len(places))), np.zeros((len(places), len(planes)))
    for number, (row, column) in enumerate(places):
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                y, x = row + down, column + across
                if (down, across) == (0, 0) or not (0 <= y < height and 0 <= x < width):
                    continue
                weight = 1 / 6 if down == 0 or across == 0 else 1 / 12
                system[number, number] += weight
                if hidden[y, x]:
                    system[number, places.index((y, x))] -= weight
                else:
                    known[number] += weight * planes[:, y, x]
    filled = planes.astype(float).copy()
    for (row, column), values in zip(places, np.linalg.solve(system, known), strict=True):
        filled[:, row, column] = values
    return filled


@pytest.mark.parametrize("share", [0.02, 0.3, 0.9])
def test_it_is_the_dense_solution(share: float) -> None:
    draw = np.random.default_rng(0)
    planes, hidden = draw.random((3, 9, 11)), draw.random((9, 11)) < share
    hidden[0, 0], hidden[8, :3], hidden[4, 5] = True, True, False
    found = imputed(planes, hidden)
    assert found == pytest.approx(by_dense_solve(planes, hidden), abs=1e-12)
    assert np.array_equal(found[:, ~hidden], planes[:, ~hidden])


def test_a_flat_image_stays_flat_and_nothing_hidden_changes_nothing() -> None:
    flat = np.full((3, 6, 6), 0.25)
    hidden = np.zeros((6, 6), bool)
    assert np.array_equal(imputed(flat, hidden), flat)
    hidden[1:5, 1:6] = True
    assert imputed(flat, hidden) == pytest.approx(flat, abs=1e-12)
    with pytest.raises(ValueError, match="every pixel is hidden"):
        imputed(flat, np.ones((6, 6), bool))


def test_images_without_features_have_the_images_own_noise() -> None:
    lr = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    masks = torch.zeros(2, 1, 8, 8, dtype=torch.bool)
    masks[0, 0, 3, 3] = masks[1, 0, 3, 3] = masks[1, 0, 6, 1] = True
    found = without(lr, masks, "road", "blur", "ab" * 32, 3)
    assert found.shape == (2, 3, 8, 8) and found.dtype == lr.dtype
    assert torch.equal(found[0, :, 3, 3], found[1, :, 3, 3]), "one more hidden pixel far away changes nothing"
    exact = by_dense_solve(lr[0].numpy(), masks[0, 0].numpy())[:, 3, 3]
    off = found[0, :, 3, 3].numpy() - exact
    assert (abs(off) > 0).all() and (abs(off) < 5 * NOISE).all()
    assert torch.equal(found[~masks.expand_as(found)], lr.expand_as(found)[~masks.expand_as(found)])
    assert not torch.equal(found, without(lr, masks, "road", "blur", "cd" * 32, 3))


def test_single_elements_are_imputed_within_their_channel() -> None:
    lr = torch.rand(1, 3, 6, 6, generator=torch.Generator().manual_seed(1))
    masks = torch.zeros(1, 3, 6, 6, dtype=torch.bool)
    masks[0, 1, 2, 2] = True
    found = without(lr, masks, "road", "blur", "ab" * 32, 0)
    exact = by_dense_solve(lr[0, 1:2].numpy(), masks[0, 1].numpy())[0, 2, 2]
    assert float(found[0, 1, 2, 2]) == pytest.approx(exact, abs=5 * NOISE)
    assert torch.equal(found[0, [0, 2]], lr[0, [0, 2]])
