"""Piecewise linear functions: the chord slope in closed form, nothing cancels and nothing overflows.

Each is written with one ingredient, the chord slope of the ramp max(x, 0) (the paper's Eq. 6 for a ReLU):

    ramp(x, x') = (max(x, 0) - max(x', 0)) / (x - x'),

which is 1, 0, or x / (x - x') or x' / (x' - x), exact to rounding each.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import isfinite
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.blocks import blocks
from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.questions import asked_at_once
from l2xbench.attribution.rules.treatment import closed_form


class Elementwise(torch.autograd.Function):
    """y = f(x) elementwise with the multiplier `slope(x, x', y, y')`.

    `f` takes the tensor to write to as a second argument, or None. `whole` where `f` depends on an element's place (a
    parameter for each channel).
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        x_ref: Tensor,
        f: Callable[[Tensor, Tensor | None], Tensor],
        slope: Callable[..., Tensor],
        whole: bool = False,
    ) -> tuple[Tensor, Tensor]:
        if whole or x.is_complex():
            y, y_ref = f(x, None), f(x_ref, None)
            m = slope(x, x_ref, y, y_ref)
        else:
            y, y_ref, m = torch.empty_like(x), torch.empty_like(x), torch.empty_like(x)
            for a, a_ref, b, b_ref, k in blocks(x, x_ref, y, y_ref, m):
                f(a, b)
                f(a_ref, b_ref)
                k.copy_(slope(a, a_ref, b, b_ref))
        ctx.save_for_backward(m)
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        return None if g is None else g * ctx.saved_tensors[0], None, None, None, None


@cache
def out_form(operation: Any) -> Any:
    """The overload of an ATen operation that writes to `out=`, if there is one."""
    name = operation._overloadname
    return getattr(operation.overloadpacket, "out" if name == "default" else f"{name}_out", None)


def writing(call: Call, moving: int = 0) -> Callable[[Tensor, Tensor | None], Tensor]:
    """A call as a function of one argument and of the tensor to write to, or None."""
    before, after, options = call.values[:moving], call.values[moving + 1 :], call.value_options
    form = out_form(call.operation)

    def f(x: Tensor, out: Tensor | None) -> Tensor:
        if out is not None and form is not None:
            form(*before, x, *after, **options, out=out)
            return out
        y: Tensor = call.operation(*before, x, *after, **options)
        return y if out is None else out.copy_(y)

    return f


def elementwise(call: Call, slope: Callable[..., Tensor], moving: int = 0) -> Pair:
    """Run a call of one moving tensor, its first argument or the one at `moving`, with a given chord slope."""
    others = (*call.values[:moving], *call.values[moving + 1 :], *call.value_options.values())
    whole = any(isinstance(a, Tensor) and a.numel() > 1 for a in others)
    pair: Pair = Elementwise.apply(call.values[moving], call.references[moving], writing(call, moving), slope, whole)
    return pair


class Rectified(torch.autograd.Function):
    """max(x, 0), in as few passes as there can be: most networks spend their elementwise time here."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor) -> tuple[Tensor, Tensor]:
        y, y_ref, m = torch.empty_like(x), torch.empty_like(x), torch.empty_like(x)
        asks = asked_at_once()
        for a, a_ref, b, b_ref, k in blocks(x, x_ref, y, y_ref, m):
            torch.clamp_min(a, 0, out=b)
            torch.clamp_min(a_ref, 0, out=b_ref)
            if not asks:
                steady_ramp(a, a_ref, k)
            elif not isfinite(quotient(a, a_ref, b, b_ref, k).sum().item()):
                at_rest(a, a_ref, k)
        ctx.save_for_backward(m)
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    backward = Elementwise.backward


def ramp(x: Tensor, x_ref: Tensor) -> Tensor:
    """The chord slope of max(x, 0), in [0, 1]; at x = x' the gradient, which is 0 at 0."""
    if not asked_at_once():
        return steady_ramp(x, x_ref, torch.empty_like(x))
    slope = quotient(x, x_ref, x.relu(), x_ref.relu(), torch.empty_like(x))
    return slope if isfinite(slope.sum().item()) else at_rest(x, x_ref, slope)


def steady_ramp(x: Tensor, x_ref: Tensor, out: Tensor) -> Tensor:
    """The same in one way for all: h / |x - x'|, h = max(x, x'), is above 1 where both are positive, below 0 where both
    are negative, and no number only where both are 0.
    """
    return torch.maximum(x, x_ref, out=out).div_((x - x_ref).abs_()).clamp_(0, 1).nan_to_num_(0.0)


def quotient(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, out: Tensor) -> Tensor:
    """dy/dx of y = max(x, 0) into `out`: exact (1, 0, or x/(x - x')), but no number where dx = 0."""
    return torch.sub(y, y_ref, out=out).div_(x - x_ref)


def at_rest(x: Tensor, x_ref: Tensor, slope: Tensor) -> Tensor:
    """Put the gradient of max(x, 0) into `slope` where dx = 0."""
    return slope.copy_(torch.where(x == x_ref, (x > 0).to(x.dtype), slope).nan_to_num_(0.0))


def box(x: Tensor, x_ref: Tensor, low: Any, high: Any) -> Tensor:
    """The chord slope of clamp(x, low, high)."""
    slope = torch.ones_like(x) if low is None else ramp(x - low, x_ref - low)
    return slope if high is None else slope - ramp(x - high, x_ref - high)


@closed_form("ramp(x, x') = (max(x, 0) - max(x', 0)) / (x - x')")
def relu(call: Call) -> Pair:
    """max(x, 0)."""
    pair: Pair = Rectified.apply(call.values[0], call.references[0])
    return pair


@closed_form("s + (1 - s) ramp(x, x')")
def leaky_relu(call: Call) -> Pair:
    """s x + (1 - s) max(x, 0)."""
    s = call.argument(1, "negative_slope", 0.01)
    return elementwise(call, lambda x, x_ref, y, y_ref: ramp(x, x_ref).mul_(1 - s).add_(s))


@closed_form("s + (1 - s) ramp(x, x'), s the channel's own")
def prelu(call: Call) -> Pair:
    """s x + (1 - s) max(x, 0) with the layer's own s for each channel."""
    s = call.values[1]
    return elementwise(call, lambda x, x_ref, y, y_ref: ramp(x, x_ref).mul_(1 - s).add_(s))


@closed_form("ramp(x - low, x' - low) - ramp(x - high, x' - high)")
def clamp(call: Call) -> Pair:
    """ramp(x - low) - ramp(x - high)."""
    defaults = (-1.0, 1.0) if call.name == "hardtanh" else (None, None)
    low = call.argument(1, "min_val" if call.name == "hardtanh" else "min", defaults[0])
    high = call.argument(2, "max_val" if call.name == "hardtanh" else "max", defaults[1])
    return elementwise(call, lambda x, x_ref, y, y_ref: box(x, x_ref, low, high))


@closed_form("ramp(x - low, x' - low)")
def clamp_min(call: Call) -> Pair:
    """ramp(x - low)."""
    low = call.values[1]
    return elementwise(call, lambda x, x_ref, y, y_ref: box(x, x_ref, low, None))


@closed_form("1 - ramp(x - high, x' - high)")
def clamp_max(call: Call) -> Pair:
    """1 - ramp(x - high)."""
    high = call.values[1]
    return elementwise(call, lambda x, x_ref, y, y_ref: box(x, x_ref, None, high))


@closed_form("(x + x') / (|x| + |x'|)")
def absolute(call: Call) -> Pair:
    """|x| - |x'| = (x + x') dx / (|x| + |x'|), for complex x as Re[(x + x')* dx] / (|x| + |x'|)."""

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        unit = (x + x_ref) / (y + y_ref)
        return torch.where((y + y_ref) == 0, torch.zeros_like(unit), unit)

    return elementwise(call, slope)


@closed_form("(ramp(x + 3, x' + 3) - ramp(x - 3, x' - 3)) / 6")
def hardsigmoid(call: Call) -> Pair:
    """clamp(x / 6 + 1/2, 0, 1)."""
    return elementwise(call, lambda x, x_ref, y, y_ref: box(x, x_ref, -3.0, 3.0) / 6)


@closed_form("(h + h')/2 + (x + x')/2 dh/dx, h the hard sigmoid")
def hardswish(call: Call) -> Pair:
    """x h(x), h the hard sigmoid: dy = ((h + h')/2) dx + ((x + x')/2) dh."""

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        gate = (torch.nn.functional.hardsigmoid(x) + torch.nn.functional.hardsigmoid(x_ref)) / 2
        return gate + (x + x_ref) / 2 * box(x, x_ref, -3.0, 3.0) / 6

    return elementwise(call, slope)


@closed_form("1 - ramp(x + l, x' + l) + ramp(x - l, x' - l)")
def softshrink(call: Call) -> Pair:
    """max(x - l, 0) - max(-x - l, 0)."""
    width = call.argument(1, "lambd", 0.5)
    return elementwise(call, lambda x, x_ref, y, y_ref: 1 - box(x, x_ref, -width, width))
