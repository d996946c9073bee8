"""Ties of a maximum are shared, whatever window it is over, and a map follows rounding continuously."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.attribution.properties import Function, multiplier

POOLS: dict[str, Function] = {
    "2": lambda x: F.max_pool2d(x, 2),
    "3, stride 2": lambda x: F.max_pool2d(x, 3, 2),
    "3, stride 1, padded": lambda x: F.max_pool2d(x, 3, 1, 1),
    "uneven, ceil mode": lambda x: F.max_pool2d(x, (2, 3), (2, 2), (1, 0), ceil_mode=True),
    "dilated": lambda x: F.max_pool2d(x, 2, 1, 0, (2, 3)),
    "with indices": lambda x: F.max_pool2d(x, 2, return_indices=True)[0],
    "1d": lambda x: F.max_pool1d(x.flatten(0, 1), 2),
    "3d": lambda x: F.max_pool3d(x.unsqueeze(2).expand(-1, -1, 3, -1, -1), 2, 1),
    "adaptive": lambda x: F.adaptive_max_pool2d(x, (3, 4)),
    "adaptive, global": lambda x: F.adaptive_max_pool2d(x, 1),
    "adaptive, 3d": lambda x: F.adaptive_max_pool3d(x.unsqueeze(2).expand(-1, -1, 3, -1, -1), (2, 2, 3)),
    "amax": lambda x: x.amax((2, 3)),
    "max of a row": lambda x: x.max(-1)[0],
    "global": lambda x: x.max(),
    "amax, then the other way round": lambda x: x.amax(1).mT,
    "max of channels last": lambda x: F.max_pool2d(x.contiguous(memory_format=torch.channels_last), 2),
    "amin": lambda x: -(-x).amin((1, 3), keepdim=True),
}


def members(pool: Function, shape: torch.Size) -> Tensor:
    """(windows, elements): which elements a window looks at, asked of the operation itself, one element at a time."""
    rows = []
    for element in torch.eye(shape.numel(), dtype=torch.float64):
        rows.append(pool(element.view(shape)).flatten())
    return torch.stack(rows, 1)


@pytest.mark.parametrize("name", POOLS)
def test_a_constant_reference_is_shared_evenly(name: str) -> None:
    """All of a window is the reference's maximum: each of its k elements gets a k-th of the difference."""
    generator = torch.Generator().manual_seed(3)
    x = -torch.rand(2, 2, 5, 7, generator=generator, dtype=torch.float64) - 0.5
    m, change = multiplier(POOLS[name], x, torch.zeros_like(x))
    inside = members(POOLS[name], x.shape)
    shares = inside / inside.sum(1, keepdim=True) * change.reshape(-1, 1)
    torch.testing.assert_close((m * x).flatten(), shares.sum(0))
    assert 0 <= float(m.min()) <= float(m.max()) <= (inside.sum(0).max())


@pytest.mark.parametrize("name", POOLS)
def test_a_map_does_not_hang_on_the_last_bit(name: str) -> None:
    """Rounding decides which of a constant's elements is the largest: nothing that shows may depend on it."""
    generator = torch.Generator().manual_seed(4)
    x = torch.rand(2, 2, 5, 7, generator=generator) + 0.5
    flat = torch.full_like(x, 0.3)
    noisy = flat * (1 + 1e-7 * torch.randn(x.shape, generator=generator))
    for side in (x, -x):  # above the reference its own maximum decides, below it the reference's
        (m, change), (m_noisy, _) = multiplier(POOLS[name], side, flat), multiplier(POOLS[name], side, noisy)
        assert float((m - m_noisy).norm() / m.norm()) < 1e-3
        torch.testing.assert_close((m * (side - flat)).sum(), change.sum(), rtol=1e-6, atol=1e-6)


def test_ties_of_the_value_are_shared_too() -> None:
    x, x_ref = torch.tensor([3.0, 3.0, 1.0]).view(1, 1, 1, 3), torch.tensor([1.0, 2.0, 0.0]).view(1, 1, 1, 3)
    m, _ = multiplier(lambda t: t.amax(-1), x, x_ref)
    assert m.flatten().tolist() == [0.25, 0.5, 0.0]  # half of 3 - 2 each, over 3 - 1 and 3 - 2


def test_a_share_falls_continuously_to_nothing() -> None:
    """At half of the bound an element has a third, beyond it nothing."""
    for lacking, share in ((0.0, 1 / 2), (5e-4, 1 / 3), (1e-3, 0.0), (1e-2, 0.0)):
        x = torch.tensor([1.0, 1.0 - lacking], dtype=torch.float64).view(1, 1, 1, 2)
        m, _ = multiplier(lambda t: t.amax(-1), x, torch.zeros_like(x))
        assert float(m.flatten()[1] * x.flatten()[1]) == pytest.approx(share, abs=1e-9)


def test_windows_are_looked_at_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    from l2xbench.attribution.rules import extremum

    x = -torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    for pool in (POOLS["2"], POOLS["amax"]):
        whole, _ = multiplier(pool, x, torch.zeros_like(x))
        with monkeypatch.context() as patch:
            patch.setattr(extremum, "BLOCK", 1)
            torch.testing.assert_close(multiplier(pool, x, torch.zeros_like(x))[0], whole, rtol=0, atol=0)
