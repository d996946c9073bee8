"""Truths and integers that differ between the streams: changed in place, copied, and mixed with numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.attribution.properties import assert_complete, assert_followed, images, multiplier

Function = Callable[[Tensor], Tensor]


def mask(x: Tensor) -> Tensor:
    return x > 0


def other(x: Tensor) -> Tensor:
    return x.roll(1, 3) > 0.1


def number(truth: Tensor, x: Tensor) -> Tensor:
    return truth.to(x.dtype) + x / 10


IN_PLACE = [
    *("logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor"),
    *("eq", "ne", "lt", "gt", "le", "ge"),
]
USES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "times": lambda truth, x: truth * x,
    "number": number,
    "where": lambda truth, x: torch.where(truth, 1.0, -1.0).to(x.dtype) + x / 10,
    "a view": lambda truth, x: number(truth[:, 1:], x[:, 1:]),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("name", IN_PLACE)
def test_a_mask_that_is_changed_in_place_is_the_one_that_is_made_anew(name: str, use: str) -> None:
    """The same map: what a mask was made of is as new as what it holds."""

    def in_place(x: Tensor) -> Tensor:
        truth = mask(x)
        getattr(truth, f"{name}_")(other(x))
        return USES[use](truth, x)

    def anew(x: Tensor) -> Tensor:
        return USES[use](getattr(torch, name)(mask(x), other(x)), x)

    x, x_ref = images(0)
    assert_followed(in_place, x, x_ref)
    assert_complete(in_place, x, x_ref, 1e-12)
    torch.testing.assert_close(multiplier(in_place, x, x_ref), multiplier(anew, x, x_ref))


def of_a_view(name: str) -> Function:
    def f(x: Tensor) -> Tensor:
        truth = mask(x)
        early = truth[:, :, 2:4]
        getattr(truth[:, :2], f"{name}_")(other(x)[:, :2])
        return number(truth, x).sum(1) + number(early, x[:, :, 2:4]).sum()

    return f


def operator(change: Callable[[Tensor, Tensor], object]) -> Function:
    def f(x: Tensor) -> Tensor:
        truth = mask(x)
        change(truth, x)
        return number(truth, x)

    return f


def augmented(truth: Tensor, x: Tensor) -> None:
    truth &= other(x)
    truth |= x.roll(2, 2) > 1
    truth ^= x < -1


def copied_into(made: Callable[[Tensor], Tensor], source: Callable[[Tensor], Tensor]) -> Function:
    def f(x: Tensor) -> Tensor:
        target = made(x)
        target.copy_(source(x))
        target[:, 0] = source(x)[:, 1]
        return target.to(x.dtype) + x / 10

    return f


def integers(change: Callable[[Tensor], object]) -> Function:
    def f(x: Tensor) -> Tensor:
        k = (x * 4).long()
        change(k)
        return k.to(x.dtype) + x / 10

    return f


def source_is_overwritten(x: Tensor) -> Tensor:
    y = x * 3
    k, truth = y.long(), y > 0.2
    y.zero_()
    return number(k, x) + truth * x + y


def given_out(function: Callable[..., object], dtype: torch.dtype | None) -> Function:
    def f(x: Tensor) -> Tensor:
        out = torch.empty(x.shape, dtype=dtype or x.dtype)
        function(x, out)
        return out.to(x.dtype) + x / 10

    return f


CHANGED: dict[str, Function] = {
    **{f"{name} of a view": of_a_view(name) for name in IN_PLACE},
    "augmented": operator(augmented),
    "logical_not_": operator(lambda truth, x: truth.logical_not_()),
    "bitwise_not_": operator(lambda truth, x: truth.bitwise_not_()),
    "a part is filled": operator(lambda truth, x: truth[:, 1].fill_(False)),
    "a part is set": operator(lambda truth, x: truth.__setitem__((slice(None), 1), False)),
    "a part is another's": operator(lambda truth, x: truth.__setitem__((slice(None), 1), other(x)[:, 0])),
    "zero_": operator(lambda truth, x: truth.zero_()),
    "masked_fill_": operator(lambda truth, x: truth.masked_fill_(other(x), True)),
    "at a mask": operator(lambda truth, x: truth.__setitem__(other(x), False)),
    "reduced first": lambda x: x * mask(x).any(1, keepdim=True).logical_and_(other(x)[:, :1]),
    "copy to a truth": copied_into(lambda x: torch.zeros(x.shape, dtype=torch.bool), mask),
    "copy to a float": copied_into(torch.zeros_like, mask),
    "copy to an integer": copied_into(lambda x: torch.zeros(x.shape, dtype=torch.long), lambda x: (x * 4).long()),
    "copy of floats to an integer": copied_into(lambda x: torch.zeros(x.shape, dtype=torch.int32), lambda x: x * 4),
    "copy of floats to a truth": copied_into(lambda x: torch.zeros(x.shape, dtype=torch.bool), lambda x: x.relu()),
    "gt_ of floats": lambda x: x.clone().gt_(0) + x / 10,
    "lt_ of floats": lambda x: x.clone().lt_(x.roll(1, 2)) + x / 10,
    "logical_not_ of floats": lambda x: x.relu().logical_not_() + x / 10,
    "gt out": given_out(lambda x, out: torch.gt(x, 0, out=out), torch.bool),
    "gt out of floats": given_out(lambda x, out: torch.gt(x, 0, out=out), None),
    "logical_and out": given_out(lambda x, out: torch.logical_and(mask(x), other(x), out=out), torch.bool),
    "add_ to integers": integers(lambda k: k.add_(1)),
    "mul_ of a view of integers": integers(lambda k: k[:, 0].mul_(2)),
    "clamp_ of integers": integers(lambda k: k.clamp_(-1, 2)),
    "floor division of integers": integers(lambda k: k.floor_divide_(2)),
    "an early view of integers": lambda x: (lambda k: (k[:, 1], k.mul_(3))[0].to(x.dtype) + x[:, 1])((x * 4).long()),
    "what it was made of is overwritten": source_is_overwritten,
}


@pytest.mark.parametrize("name", CHANGED)
def test_discrete_tensors_that_are_changed_in_place(name: str) -> None:
    x, x_ref = images(1)
    assert_followed(CHANGED[name], x, x_ref)
    assert_complete(CHANGED[name], x, x_ref, 1e-12)
    assert_complete(CHANGED[name], x.float(), x_ref.float(), 1e-4)


KINDS: dict[str, Function] = {
    "truth": other,
    "byte": lambda x: other(x).byte(),
    "integer": lambda x: (x.roll(1, 3) * 4).long(),
    "index": lambda x: x.argsort(1),
}
MIXED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "pow": lambda x, k: x.abs().add(0.5) ** k,
    "pow of integers": lambda x, k: torch.pow(k.long().abs() + 1, x),
    "addcmul": lambda x, k: torch.addcmul(x, k, x),
    "addcmul_": lambda x, k: x.clone().addcmul_(k, x, value=2),
    "addcdiv": lambda x, k: torch.addcdiv(x, x, k.long().abs() + 1),
    "atan2": lambda x, k: torch.atan2(x, k.long() + 9),
    "xlogy": lambda x, k: torch.xlogy(k, x.abs() + 0.3),
    "xlog1py": lambda x, k: torch.special.xlog1py(k, x.abs()),
    "maximum": lambda x, k: torch.maximum(x, k),
    "fmin": lambda x, k: torch.fmin(x, k),
    "fmod": lambda x, k: torch.fmod(x, k.long().abs() + 1),
    "remainder": lambda x, k: torch.remainder(x * 3, k.long().abs() + 1),
    "floor_divide": lambda x, k: torch.floor_divide(x * 9, k.long().abs() + 1) + x / 10,
    "copysign": lambda x, k: torch.copysign(x, k.long() - 1),
    "ldexp": lambda x, k: torch.ldexp(x, k.long()),
    "cat": lambda x, k: torch.cat([x, k], 1) * 2,
    "where": lambda x, k: torch.where(k > 0, x, k),
    "cumsum": lambda x, k: x * k.cumsum(1),
    "bincount": lambda x, k: x * torch.bincount(k.flatten().long().abs() % 3, x.flatten(), 3).view(1, 3, 1, 1),
    "nll_loss": lambda x, k: x * F.nll_loss(x, k[:, 0].long().abs() % 3),
    "cross_entropy": lambda x, k: x * F.cross_entropy(x, k[:, 0].long().abs() % 3, label_smoothing=0.1),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MIXED)
def test_numbers_mixed_with_what_is_chosen_from_them(name: str, kind: str) -> None:
    """Both streams are the network's own: where one choice stood for both, the map was another function's."""
    x, x_ref = images(2)

    def f(x: Tensor) -> Tensor:
        return MIXED[name](x, KINDS[kind](x))

    assert_followed(f, x, x_ref)
    assert_complete(f, x, x_ref, 1e-9)
