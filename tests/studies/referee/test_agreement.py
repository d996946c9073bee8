"""Agreement of maps with interventions: known orders, known signs, chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from l2xbench.studies.referee.agreement import agreement, block_sums, outside


def test_block_sums_keep_signs_and_the_whole() -> None:
    values = np.random.default_rng(0).standard_normal((3, 7, 10))
    sums = block_sums(values, 4)
    assert sums.shape == (2, 3)
    assert sums.sum() == pytest.approx(values.sum())
    assert sums[1, 2] == pytest.approx(values[:, 4:, 8:].sum())


def test_outside_is_what_no_sr_pixel_of_the_patch_stands_on() -> None:
    assert (~outside((4, 5), 2, (4, 4, 4, 8), 2)).nonzero()[0].tolist() == [1, 1]
    assert (~outside((4, 5), 2, (4, 4, 4, 8), 2)).nonzero()[1].tolist() == [1, 2]
    wide = ~outside((4, 5), 2, (3, 4, 6, 8), 2)
    assert sorted(set(wide.nonzero()[0].tolist())) == [0, 1, 2], "LR rows 1 to 4"


def test_a_map_equal_to_the_effects_agrees_wholly_and_its_opposite_not_at_all() -> None:
    effect = np.random.default_rng(1).standard_normal(50)
    same, opposite = agreement(effect * 7, effect, 0.0), agreement(-effect, effect, 0.0)
    assert (same.signed, same.absolute, same.signs) == (pytest.approx(1), pytest.approx(1), 1)
    assert (opposite.signed, opposite.absolute, opposite.signs) == (pytest.approx(-1), pytest.approx(1), 0)


def test_correlations_are_spearmans_and_small_effects_are_none() -> None:
    draw = np.random.default_rng(2)
    sums, effect = draw.standard_normal(40), draw.standard_normal(40) * 0.02
    found = agreement(sums, effect, 0.01)
    heard = np.where(abs(effect) < 0.01, 0, effect)
    assert found.signed == pytest.approx(spearmanr(sums, heard).statistic)
    assert found.absolute == pytest.approx(spearmanr(abs(sums), abs(heard)).statistic)
    assert (found.blocks, found.acting) == (40, int((heard != 0).sum()))


def test_signs_at_chance_are_what_the_shares_give() -> None:
    draw = np.random.default_rng(3)
    sums, effect = draw.standard_normal(20000) + 0.5, draw.standard_normal(20000) + 1
    found = agreement(sums, effect, 0.0)
    assert found.signs == pytest.approx(found.chance, abs=0.01)
    assert found.chance > 0.6


def test_nothing_to_compare_is_not_a_number() -> None:
    found = agreement(np.arange(4.0), np.zeros(4), 0.01)
    assert np.isnan([found.signed, found.absolute, found.signs, found.chance]).all()
    assert found.acting == 0
    assert np.isnan(agreement(np.ones(4), np.arange(4.0), 0.01).signed)
