"""Interventions with known effects: what helps, what harms, what does nothing, and that nothing hangs on batches."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from l2xbench.attribution import AttributionError, explain
from l2xbench.attribution.methods.intervention import Effects, InterventionPlan, Run, measure_effects

LR = torch.from_numpy(np.random.default_rng(0).integers(60, 200, (1, 3, 8, 10))) / 255
HR = LR.repeat_interleave(2, 2).repeat_interleave(2, 3)
HR[..., 4:8, 4:12] -= 3 / 255
WINDOW = (4, 4, 4, 8)
"""LR rows 2 and 3, columns 2 to 5: the blocks (1, 1) and (1, 2) of two pixels a side."""
BLACK = [torch.zeros(1, 3, 4, 4)]
OTHERS = [torch.from_numpy(np.random.default_rng(n).integers(0, 256, (1, 3, 6, 9))) / 255 for n in (1, 2, 3)]


class Nearest(nn.Module):
    """Each LR pixel fourfold; and, if asked for, the mean of the LR pixels at the bottom right spoils the whole."""

    def __init__(self, spoilt: float = 0.0) -> None:
        super().__init__()
        self.spoilt = spoilt

    def forward(self, lr: Tensor) -> Tensor:
        out = lr.repeat_interleave(2, 2).repeat_interleave(2, 3)
        return out + self.spoilt * lr[:, :, -2:, -2:].mean((1, 2, 3), keepdim=True)


def by(network: nn.Module, size: int = 8) -> Run:
    return lambda images: (network(batch) for batch in images.split(size))


def measured(
    network: nn.Module, others: list[Tensor], plan: InterventionPlan, size: int = 8, part: tuple[int, int] = (0, 1)
) -> Effects:
    return measure_effects(by(network, size), LR, HR, WINDOW, others, plan, part)


def psnr(error: float) -> float:
    return 10 * math.log10(255**2 / error)


def test_effects_of_black_blocks_are_known() -> None:
    found = measured(Nearest(), BLACK, InterventionPlan(coarse=2, fine=0))
    assert found.psnr == pytest.approx(psnr(9))
    patch = HR[0, :, 4:8, 4:12].numpy() * 255
    for column, place in ((1, slice(0, 4)), (2, slice(4, 8))):
        squares = np.full(patch.shape, 9.0)
        squares[..., place] = patch[..., place] ** 2
        assert found.effect[1, column] == pytest.approx(psnr(9) - psnr(squares.mean()), rel=1e-6)
    rest = np.ones_like(found.effect, bool)
    rest[1, 1:3] = False
    assert (found.effect[rest] == 0).all(), "no other block is seen by the patch"
    assert found.counts(0.01) == {"positive": 2, "negative": 0, "zero": 18}
    assert found.passes == 1 + 20 * 2


def test_a_block_that_spoils_the_patch_has_a_negative_effect() -> None:
    found = measured(Nearest(spoilt=0.1), BLACK, InterventionPlan(coarse=1, fine=0))
    mean = float(LR[..., -2:, -2:].mean()) * 255
    # 8-bit rounding of the spoilt image leaves some tenths of a level
    assert found.effect[3, 4] == pytest.approx(psnr((0.1 * mean + 3) ** 2) - psnr(9), abs=0.3)
    assert found.effect[3, 4] < 0
    assert found.counts(0.01) == {"positive": 2, "negative": 1, "zero": 17}


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


def test_parts_are_the_whole() -> None:
    plan = InterventionPlan(coarse=2, fine=3)
    whole = measured(Nearest(0.05), OTHERS, plan)
    parts = [measured(Nearest(0.05), OTHERS, plan, part=(number, 3)) for number in range(3)]
    together = np.full_like(whole.effect, np.nan)
    for part in parts:
        known = ~np.isnan(part.effect)
        assert np.isnan(together[known]).all(), "no block is in two parts"
        together[known] = part.effect[known]
    np.testing.assert_array_equal(together, whole.effect)
    assert sum(part.passes - 1 for part in parts) == whole.passes - 1
    assert sum(sum(part.counts(0.01).values()) for part in parts) == 20


def test_a_network_that_equals_hr_has_a_finite_psnr() -> None:
    hr = LR.repeat_interleave(2, 2).repeat_interleave(2, 3)
    found = measure_effects(by(Nearest()), LR, hr, WINDOW, BLACK, InterventionPlan(coarse=1, fine=0))
    assert found.psnr == pytest.approx(psnr(1 / (4 * 8 * 3)))
    assert np.isfinite(found.effect).all()


@pytest.mark.parametrize(
    ("window", "others", "said"),
    [
        (WINDOW, [torch.zeros(1, 3, 1, 9)], "none of 1 other images holds a block of 2 x 2"),
        ((14, 4, 4, 8), BLACK, r"the patch \(14, 4, 4, 8\) is not within the 16 x 20 pixels"),
        ((4, 4, 0, 8), BLACK, "is not within"),
    ],
)
def test_what_cannot_be_measured_is_refused(window: tuple[int, int, int, int], others: list[Tensor], said: str) -> None:
    with pytest.raises(AttributionError, match=said):
        measure_effects(by(Nearest()), LR, HR, window, others)


def test_the_method_shares_each_effect_among_its_block_in_a_batch_too() -> None:
    given = {"method": "intervention", "coarse": 2, "fine": 3, "seed": 4, "target": "patch:4,4,4,8"}
    found = explain(Nearest(0.05), LR, hr=HR, others=OTHERS, **given)
    effect = measured(Nearest(0.05), OTHERS, InterventionPlan(coarse=2, fine=3, seed=4)).effect
    sums = found.values[0].sum(0).reshape(4, 2, 5, 2).sum((1, 3))
    np.testing.assert_allclose(sums, effect, rtol=1e-5, atol=1e-6)
    assert found.values[0, :, 2:4, 2:4].unique().numel() == 1
    assert torch.isnan(found.completeness_error).all(), "changes of a PSNR do not add up"
    batch = explain(
        Nearest(0.05), LR.flip(2).repeat(2, 1, 1, 1), hr=HR.flip(2).repeat(2, 1, 1, 1), others=OTHERS, **given
    )
    torch.testing.assert_close(batch.values[0], batch.values[1])


def test_blocks_at_an_edge_may_be_cut() -> None:
    given = {"method": "intervention", "block": 3, "coarse": 1, "fine": 1, "target": "image"}
    found = explain(Nearest(), LR, hr=HR, others=OTHERS, **given).values[0].sum(0)
    effect = measure_effects(by(Nearest()), LR, HR, (0, 0, 16, 20), OTHERS, InterventionPlan(3, 1, 1)).effect
    assert effect.shape == (3, 4)
    assert float(found[6:, 9:].sum()) == pytest.approx(effect[2, 3], rel=1e-5)
    assert float(found.sum()) == pytest.approx(effect.sum(), rel=1e-5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, r"give hr= \(N, C, H, W\) and others="),
        ({"hr": HR}, "and others="),
        ({"hr": HR, "others": OTHERS, "target": "neuron:0,4,4"}, r"the target is image or patch:y,x,h,w"),
        ({"hr": HR, "others": OTHERS, "tile": 4, "overlap": 0}, "leave out tile="),
    ],
)
def test_the_method_says_what_it_lacks(given: dict[str, object], said: str) -> None:
    with pytest.raises(AttributionError, match=said):
        explain(Nearest(), LR, method="intervention", **given)  # type: ignore[call-overload]
