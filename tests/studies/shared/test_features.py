"""Which features a mask takes."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from l2xbench.studies.ablation.ratios import parse_ratios
from l2xbench.studies.shared import features

SHAPE = (3, 2, 4)


def test_pixels_are_taken_whole_and_elements_one_by_one() -> None:
    values = np.zeros(SHAPE, np.float32)
    values[1, 0, 3] = 5  # one strong channel
    values[:, 1, 1] = 2  # three weaker ones of one position: 6 in all
    for granularity, first in (("pixel", (slice(None), 1, 1)), ("element", (1, 0, 3))):
        scores = features.feature_values(values, granularity)
        assert len(scores) == features.count_features(SHAPE, granularity)
        places = features.ranks(scores, np.arange(len(scores)))
        expected = torch.zeros(SHAPE, dtype=torch.bool)
        expected[first] = True
        (mask,) = features.masks(places, [1], SHAPE)
        assert torch.equal(mask.expand(SHAPE), expected)


def test_masks_grow_and_hold_as_many_features_as_asked_for() -> None:
    places = features.ranks(np.random.default_rng(0).normal(size=24), np.arange(24))
    found = features.masks(places, [0, 5, 12, 24], SHAPE)
    assert [int(mask.sum()) for mask in found] == [0, 5, 12, 24]
    assert all(bool((small <= large).all()) for small, large in pairwise(found))


def test_signs_count_and_equal_scores_come_in_the_order_of_the_ties() -> None:
    scores = np.array([0.0, -3.0, 2.0, 0.0, 0.0])
    ties = np.array([4, 0, 3, 1, 2])
    assert np.argsort(features.ranks(scores, ties)).tolist() == [2, 4, 0, 3, 1]


def test_random_numbers_depend_on_image_seed_and_draw_alone() -> None:
    draws = [
        features.generator(digest, seed, *more).permutation(50).tolist()
        for digest, seed, more in [
            ("ab" * 32, 0, (0,)),
            ("cd" * 32, 0, (0,)),
            ("ab" * 32, 1, (0,)),
            ("ab" * 32, 0, (1,)),
        ]
    ]
    assert len({tuple(draw) for draw in draws}) == 4
    assert draws[0] == features.generator("ab" * 32, 0, 0).permutation(50).tolist()


def test_replacements() -> None:
    lr = torch.rand(1, 3, 4, 5)
    assert torch.allclose(features.replacements("mean", "blur", lr)[0, :, 0, 0], lr.mean(dim=(0, 2, 3)))
    assert float(features.replacements("black", "blur", lr).abs().max()) == 0
    blurred = features.replacements("reference", "blur", lr)
    assert not torch.allclose(blurred, features.replacements("mean", "blur", lr))


@pytest.mark.parametrize(
    "text", ["", "0.05:", "0.4:0.05", "0.1:0.4:0", "0:0.4", "0.1:1", "0.1,5", "a:b", "0.1:0.2:0.1:0.1"]
)
def test_ratios_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="ratios are a:b, a:b:step or a,b,c"):
        parse_ratios(text)
