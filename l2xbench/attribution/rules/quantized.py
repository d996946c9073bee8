"""Quantised numbers: fake quantisation, and int8 layers that quantise what they are given."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.selection import step_slope
from l2xbench.attribution.rules.treatment import DEEPLIFT, LEAST_CHANGE, treatment


class Stepped(torch.autograd.Function):
    """y with its chord slope dy/dx, element by element."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        ctx.save_for_backward(step_slope(x, x_ref, y, y_ref))
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        return g * ctx.saved_tensors[0], None, None, None


@treatment("selection", "dy/dx, 0 where dx = 0; large where a jump is crossed by a small dx", DEEPLIFT)
def fake_quantize(call: Call) -> Pair:
    """Rounding to the numbers that an integer can hold, and a mask of those that it can."""
    with torch.no_grad():
        value, reference = call.value(), call.reference()
    if isinstance(value, Tensor):
        return Stepped.apply(call.values[0], call.references[0], value, reference), reference
    (y, mask), y_ref = value, reference[0]
    return (Stepped.apply(call.values[0], call.references[0], y, y_ref), mask), reference


class DynamicLinear(torch.autograd.Function):
    """y = W q(x) + b, q the rounding of each row to int8: W dx, and what it leaves of dy over the row's own dx in
    proportion to it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, weight: Tensor) -> Tensor:
        dx = x - x_ref
        ctx.save_for_backward(dx, (y - y_ref) - dx @ weight.mT, weight)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        dx, rest, weight = ctx.saved_tensors
        size = dx.square().sum(-1, keepdim=True)
        share = (g * rest).sum(-1, keepdim=True) / size
        return g @ weight + dx * torch.where(size > 0, share, 0.0), None, None, None, None


@treatment("selection", "W dx, the rest of dy over the row's own dx", LEAST_CHANGE)
def dynamic_linear(call: Call) -> Pair:
    """A linear layer with int8 weights, whose input is quantised as it comes."""
    x, packed = call.values[:2]
    with torch.no_grad():
        y, y_ref = call.value(), call.reference()
        weight = torch.ops.quantized.linear_unpack(packed)[0].dequantize().to(x.dtype)
        if "relu" in call.name:  # which rows are cut is not known from outside
            weight = torch.zeros_like(weight)
    return DynamicLinear.apply(x, call.references[0], y, y_ref, weight), y_ref
