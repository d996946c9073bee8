"""Selections of which the input and the reference take different places, and different numbers of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from l2xbench.attribution.engine.paired import paired_forward
from l2xbench.attribution.errors import UnsupportedOperationError
from tests.attribution.properties import Network, assert_complete, assert_followed, images, multiplier


def written_back(x: Tensor) -> Tensor:
    y = x * 1
    high = y > 0.1
    y[high] = y[high] ** 2 + y[high].tanh()
    return y * x


def rows_of_all_channels(x: Tensor) -> Tensor:
    y = x.movedim(1, -1).clone()
    high = y.mean(-1) > 0.05
    mixing = torch.linspace(-1, 1, 9, dtype=x.dtype).view(3, 3)
    y[high] = (y[high] @ mixing).relu()
    return y.movedim(-1, 1) + x


def masked_select_and_scatter(x: Tensor) -> Tensor:
    low = x < 0
    return torch.zeros_like(x).masked_scatter(low, torch.masked_select(x, low).exp())


def by_nonzero(x: Tensor) -> Tensor:
    y = x.flatten()
    places = (y > 0).nonzero()[:, 0]
    return torch.zeros_like(y).index_add(0, places, y[places].sqrt()).view_as(x)


def copied_along_an_axis(x: Tensor) -> Tensor:
    y = x.flatten(2).movedim(-1, 0)
    places = (y.mean((1, 2)) > 0).nonzero().flatten()
    return y.index_copy(0, places, y.index_select(0, places) * 3).movedim(0, -1).view_as(x) * x


def accumulated(x: Tensor) -> Tensor:
    high = x > 0.2
    return torch.ones_like(x).index_put((high,), x[high] * 2, accumulate=True)


def with_a_broadcast_mask(x: Tensor) -> Tensor:
    y = x.clone()
    high = x[:, :1] > 0.1
    y[high.expand_as(y)] = y.masked_select(high).sigmoid()
    return y


def a_logarithm_of_what_is_positive(x: Tensor) -> Tensor:
    """In the other stream the selected element may be negative: its logarithm is NaN, and must not come back."""
    y = x * 1
    high = y > 0.1
    y[high] = y[high].log()
    return y


SELECTIONS: list[Callable[[Tensor], Tensor]] = [
    written_back,
    rows_of_all_channels,
    masked_select_and_scatter,
    by_nonzero,
    copied_along_an_axis,
    accumulated,
    with_a_broadcast_mask,
    a_logarithm_of_what_is_positive,
]


@pytest.mark.parametrize("f", SELECTIONS, ids=lambda f: f.__name__)
def test_each_stream_is_the_networks_own_answer(f: Callable[[Tensor], Tensor]) -> None:
    x, x_ref = images(3)
    assert_followed(f, x, x_ref)
    assert_complete(f, x, x_ref, 1e-9)


def test_only_what_moves_is_given_a_share() -> None:
    """Where neither stream selects, the map is the identity's: x - x'."""
    x, x_ref = images(3)
    m, _ = multiplier(written_only_high, x, x_ref)
    still = (x <= 0.1) & (x_ref <= 0.1)
    both = (x > 0.1) & (x_ref > 0.1)
    assert still.any() and both.any()
    torch.testing.assert_close(m[still], torch.ones_like(m[still]))
    torch.testing.assert_close(m[both], torch.full_like(m[both], 5))


def written_only_high(x: Tensor) -> Tensor:
    y = x * 1
    high = y > 0.1
    y[high] = y[high] * 5
    return y


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x - x[x > 0.1].mean(),
        lambda x: x * x[x > 0.1].softmax(0).square().sum(),
        lambda x: x + x[x > 0.1].sort()[0].diff().max(),
    ],
    ids=["mean", "softmax", "neighbours"],
)
def test_selected_elements_that_are_mixed_are_refused_by_name(f: Callable[[Tensor], Tensor]) -> None:
    x, x_ref = images(3)
    said = r"takes \d+ elements .* and \d+ of the reference's.*mixes"
    with pytest.raises(UnsupportedOperationError, match=said), paired_forward(Network(f), x, x_ref):
        pass


def test_the_same_places_may_be_mixed() -> None:
    x, _ = images(3)
    moved = x * 1.01
    assert torch.equal(x > 0, moved > 0)
    assert_complete(lambda t: t - t[t > 0].mean(), x, moved, 1e-9)
