"""Means over images and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from l2xbench.studies.shared.intervals import image_interval, image_mean


def test_the_interval_of_many_images_is_that_of_the_normal_law() -> None:
    rows = np.random.default_rng(0).normal(3, 2, 400)
    low, high = image_interval(rows, seed=1)
    half = 1.96 * rows.std() / 20
    assert (low, high) == (pytest.approx(rows.mean() - half, abs=0.03), pytest.approx(rows.mean() + half, abs=0.03))
    assert np.array_equal(image_interval(rows, seed=1), [low, high])


def test_columns_are_resampled_together_and_gaps_are_left_out() -> None:
    rows = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, np.nan]])
    assert image_mean(rows).tolist() == [3.0, 4.0]
    low, high = image_interval(np.stack([rows[:, 0], -rows[:, 0]], axis=1), seed=0)
    assert (low[0], high[0]) == pytest.approx((-high[1], -low[1]))
    assert np.isfinite(image_interval(rows, seed=0)).all()
    assert np.isnan(image_mean(np.full((2, 1), np.nan))).all()


def test_one_image_has_no_interval() -> None:
    assert np.isnan(image_interval(np.array([[1.0, 2.0]]), seed=0)).all()
