"""Sampling at places that depend on the data: warps (`grid_sample`) and deformable convolutions.

y = D(x; p) is linear in the sampled tensor x for fixed places p, and an output at a location depends only on that
location's own places (and modulation). Hence, exactly,

    dy = (D(dx; p) + D(dx; p'))/2 + (D_bar(p) - D_bar(p')),   D_bar(p) = (D(x; p) + D(x'; p))/2.

The second part is a function of the few numbers of one location. Its multipliers are the mean gradient along
the line (two Gauss-Legendre nodes), which is exact unless a place crosses from one pixel to the next; what
then is missing is added along dp.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.integral import gauss_legendre
from l2xbench.attribution.rules.treatment import SHAPLEY, closed_form

Sampler = Callable[[list[Tensor], list[Tensor]], Tensor]


class Sample(torch.autograd.Function):
    """D(x; p): `inputs` are x, p of the value stream, then of the reference stream; `axis` is p's axis of
    components.
    """

    @staticmethod
    def forward(ctx: Any, f: Sampler, sampled: int, axis: int, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        half = len(inputs) // 2
        y = f(list(inputs[:sampled]), list(inputs[sampled:half]))
        y_ref = f(list(inputs[half : half + sampled]), list(inputs[half + sampled :]))
        ctx.f, ctx.sampled, ctx.axis = f, sampled, axis
        ctx.save_for_backward(*inputs)
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        inputs, f, n = ctx.saved_tensors, ctx.f, ctx.sampled
        half = len(inputs) // 2
        if g is None:
            return (None,) * (3 + 2 * half)
        x, p = list(inputs[:n]), list(inputs[n:half])
        x_ref, p_ref = list(inputs[half : half + n]), list(inputs[half + n :])
        dp = [a - b for a, b in zip(p, p_ref, strict=True)]
        middle = [torch.lerp(a, b, 0.5) for a, b in zip(x, x_ref, strict=True)]
        m_x = [torch.zeros_like(a) for a in x]
        for places in (p, p_ref):
            add_gradients(m_x, middle, partial(at_places, f, places), g, 0.5)
        m_p = [torch.zeros_like(a) for a in p]
        for position, weight in gauss_legendre(2):
            at = [b + position * d for b, d in zip(p_ref, dp, strict=True)]
            add_gradients(m_p, at, lambda leaves: f(middle, leaves), g, weight)
        effect = (f(x, p) + f(x_ref, p) - f(x, p_ref) - f(x_ref, p_ref)) / 2
        rest = (g * effect).sum(1) - sum((m * d).sum(ctx.axis) for m, d in zip(m_p, dp, strict=True))
        size = sum(d.square().sum(ctx.axis) for d in dp)
        share = torch.where(size > 0, rest / size, torch.zeros_like(rest)).unsqueeze(ctx.axis)
        for m, d in zip(m_p, dp, strict=True):
            m.addcmul_(share.expand_as(d), d)
        return (None, None, None, *m_x, *m_p, *(None,) * half)


def at_places(f: Sampler, places: list[Tensor], x: list[Tensor]) -> Tensor:
    return f(x, places)


def add_gradients(
    totals: list[Tensor], at: list[Tensor], f: Callable[[list[Tensor]], Tensor], g: Tensor, weight: float
) -> None:
    """Add `weight` times the gradients of <g, f> at a point."""
    with torch.enable_grad():
        leaves = [a.detach().requires_grad_() for a in at]
        found = torch.autograd.grad(f(leaves), leaves, g, allow_unused=True)
    for total, gradient in zip(totals, found, strict=True):
        if gradient is not None:
            total.add_(gradient, alpha=weight)


@closed_form("(D(dx; p) + D(dx; p'))/2, and the mean gradient by p of (D(x; p) + D(x'; p))/2", SHAPLEY)
def grid_sample(call: Call) -> Pair:
    """A warp whose flow depends on the data."""

    def f(x: list[Tensor], places: list[Tensor]) -> Tensor:
        y: Tensor = call.operation(x[0], places[0], *call.values[2:], **call.value_options)
        return y

    pair: Pair = Sample.apply(f, 1, -1, *call.values[:2], *call.references[:2])
    return pair


@closed_form("(D(dx; p) + D(dx; p'))/2, and the mean gradient by p of (D(x; p) + D(x'; p))/2", SHAPLEY)
def deformable_convolution(call: Call) -> Pair:
    """A convolution whose taps, and their modulation, depend on the data."""
    modulated = bool(call.values[-1])

    def f(x: list[Tensor], places: list[Tensor]) -> Tensor:
        mask = places[1] if modulated else call.values[3]
        y: Tensor = call.operation(x[0], call.values[1], places[0], mask, *call.values[4:])
        return y

    def moving(values: list[Any]) -> list[Tensor]:
        return [values[0], values[2], *([values[3]] if modulated else [])]

    pair: Pair = Sample.apply(f, 1, 1, *moving(call.values), *moving(call.references))
    return pair
