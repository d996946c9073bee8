"""NaN and infinity are found wherever they are, and finite numbers are not taken for them, however large."""

from __future__ import annotations

import pytest
import torch

from l2xbench.attribution.finite import all_finite


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_one_number_that_is_not_finite(dtype: torch.dtype, bad: float) -> None:
    x = torch.ones(3, 50, 70, dtype=dtype)
    assert all_finite(x)
    x[1, 20, 30] = bad
    assert not all_finite(x)


def test_infinities_that_would_cancel() -> None:
    assert not all_finite(torch.tensor([float("inf"), -float("inf")]))


@pytest.mark.parametrize("x", [torch.full((100,), 3e38), torch.full((9,), 6e4, dtype=torch.float16)])
def test_a_sum_that_overflows_is_no_infinity(x: torch.Tensor) -> None:
    assert all_finite(x)


def test_what_is_not_a_float() -> None:
    assert all_finite(torch.arange(5))
    assert all_finite(torch.empty(0))
    assert all_finite(torch.tensor([1 + 2j]))
    assert not all_finite(torch.tensor([complex(0, float("nan"))]))
