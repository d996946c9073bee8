"""Maps that are made twice: by replay, and as ever."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from l2xbench.attribution import Attribution, explain
from l2xbench.attribution.captured import uncaptured

CPU = torch.device("cpu")


def image(seed: int, height: int = 8, width: int = 9, count: int = 1) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))


def assert_same(one: Attribution, other: Attribution) -> None:
    largest = float(other.values.abs().max())
    torch.testing.assert_close(one.values, other.values, rtol=0, atol=1e-6 * largest)
    torch.testing.assert_close(one.delta, other.delta, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(one.completeness_error, other.completeness_error, rtol=0, atol=1e-6)
    assert one.target == other.target
    assert one.settings == other.settings


def as_ever(*arguments: object, **options: object) -> Attribution:
    with uncaptured():
        return explain(*arguments, **options)  # type: ignore[call-overload, no-any-return]


def prepared(network: nn.Module, **options: object) -> nn.Module:
    """The network, two maps of which have been made: the second was recorded."""
    for seed in (100, 101):
        explain(network, image(seed), **options)  # type: ignore[call-overload]
    return network
