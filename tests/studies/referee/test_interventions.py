"""Interventions with known effects: what helps, what harms, what does nothing, and that nothing hangs on batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l2xbench.studies.referee.interventions import Effects, InterventionPlan, measure_effects
from l2xbench.studies.shared.inference import Batches

LR = np.random.default_rng(0).integers(60, 200, (8, 10, 3), dtype=np.uint8)
HR = np.repeat(np.repeat(LR, 2, 0), 2, 1)
HR[4:8, 4:12] -= 3
WINDOW = (4, 4, 4, 8)
"""LR rows 2 and 3, columns 2 to 5: the blocks (1, 1) and (1, 2) of two pixels a side."""
BLACK = [np.zeros((4, 4, 3), np.uint8)]
OTHERS = [np.random.default_rng(n).integers(0, 256, (6, 9, 3), dtype=np.uint8) for n in (1, 2, 3)]


class Nearest(nn.Module):
    """Each LR pixel fourfold; and, if asked for, the mean of the LR pixels at the bottom right spoils the whole."""

    scale = 2

    def __init__(self, spoilt: float = 0.0) -> None:
        super().__init__()
        self.spoilt = spoilt

    def forward(self, lr: Tensor) -> Tensor:
        out = lr.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return out + self.spoilt * lr[:, :, -2:, -2:].mean((1, 2, 3), keepdim=True)


def measured(network: Nearest, donors: list[np.ndarray], plan: InterventionPlan, size: int | None = None) -> Effects:
    run = Batches(network, torch.device("cpu"))
    run.size = size
    return measure_effects(run, LR, HR, WINDOW, donors, "ab" * 32, plan)


def psnr(error: float) -> float:
    return 10 * math.log10(255**2 / error)


def test_effects_of_black_blocks_are_known() -> None:
    found = measured(Nearest(), BLACK, InterventionPlan(coarse=2, fine=0))
    assert found.psnr == pytest.approx(psnr(9))
    patch = HR[4:8, 4:12].astype(float)
    for column, place in ((1, slice(0, 4)), (2, slice(4, 8))):
        squares = np.full(patch.shape, 9.0)
        squares[:, place] = patch[:, place] ** 2
        assert found.effect[1, column] == pytest.approx(psnr(9) - psnr(squares.mean()), rel=1e-6)
    rest = np.ones_like(found.effect, bool)
    rest[1, 1:3] = False
    assert (found.effect[rest] == 0).all(), "no other block is seen by the patch"
    assert found.counts == {"positive": 2, "negative": 0, "zero": 18}
    assert found.passes == 1 + 20 * 2


def test_a_block_that_spoils_the_patch_has_a_negative_effect() -> None:
    found = measured(Nearest(spoilt=0.1), BLACK, InterventionPlan(coarse=1, fine=0))
    mean = LR[-2:, -2:].mean()
    # 8-bit rounding of the spoilt image leaves some tenths of a level
    assert found.effect[3, 4] == pytest.approx(psnr((0.1 * mean + 3) ** 2) - psnr(9), abs=0.3)
    assert found.effect[3, 4] < 0
    assert found.counts == {"positive": 2, "negative": 1, "zero": 17}


def test_only_blocks_that_act_are_replaced_many_times() -> None:
    found = measured(Nearest(), OTHERS, InterventionPlan(coarse=2, fine=7))
    assert found.draws.sum() == 18 * 2 + 2 * 7
    assert found.draws[1, 1:3].tolist() == [7, 7]
    assert found.passes == 1 + 20 * 2 + 2 * 7
    assert found.effect[1, 1] > 0


def test_draws_hang_on_seed_and_block_alone() -> None:
    plan = InterventionPlan(coarse=2, fine=3)
    whole = measured(Nearest(), OTHERS, plan)
    by_threes = measured(Nearest(), OTHERS, plan, size=3)
    np.testing.assert_array_equal(whole.effect, by_threes.effect)
    spoilt = measured(Nearest(spoilt=1e-9), OTHERS, plan)
    np.testing.assert_allclose(whole.effect, spoilt.effect, atol=1e-9)
    other = measured(Nearest(), OTHERS, InterventionPlan(coarse=2, fine=3, seed=1))
    assert (other.effect[1, 1:3] != whole.effect[1, 1:3]).all()


def test_a_network_that_equals_hr_has_a_finite_psnr() -> None:
    run = Batches(Nearest(), torch.device("cpu"))
    hr = np.repeat(np.repeat(LR, 2, 0), 2, 1)
    found = measure_effects(run, LR, hr, WINDOW, BLACK, "ab" * 32, InterventionPlan(coarse=1, fine=0))
    assert found.psnr == pytest.approx(psnr(1 / (4 * 8 * 3)))
    assert np.isfinite(found.effect).all()


def test_progress_counts_to_what_is_owed() -> None:
    told: list[tuple[int, int]] = []
    run = Batches(Nearest(), torch.device("cpu"))
    plan = InterventionPlan(coarse=2, fine=3)
    measure_effects(run, LR, HR, WINDOW, OTHERS, "ab" * 32, plan, lambda done, owed: told.append((done, owed)))
    assert told[0] == (1, 41)
    assert told[-1] == (47, 47)


@pytest.mark.parametrize(
    ("window", "donors", "said"),
    [
        (WINDOW, [np.zeros((1, 9, 3), np.uint8)], "none of 1 other images holds a block of 2 x 2"),
        ((14, 4, 4, 8), BLACK, r"the patch \(14, 4, 4, 8\) is not within the 16 x 20 pixels"),
        ((4, 4, 0, 8), BLACK, "is not within"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    window: tuple[int, int, int, int], donors: list[np.ndarray], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        measure_effects(Batches(Nearest(), torch.device("cpu")), LR, HR, window, donors, "ab" * 32)
