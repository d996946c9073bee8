"""Operations that are linear (or affine) in the tensors that carry a difference: their own gradient is the multiplier.

An operation is linear because `table.py` says so, in the arguments named there; never because it is unknown.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.treatment import PAPER, treatment


@treatment("linear", "its own gradient: F is affine", PAPER)
def linear(call: Call) -> Pair:
    """F is affine in what moves, so autograd's gradient is already exact."""
    return call.value(), call.reference()


@treatment("linear", "dy = dx, in another shape", PAPER)
def view(call: Call) -> Pair:
    """A view; a copy where a rule's result lies in memory otherwise than the operation's own would."""
    (x, size), (x_ref, _) = call.values, call.references
    try:
        return call.value(), call.reference()
    except RuntimeError:
        with torch.no_grad():
            reference = x_ref.reshape(size)
        return x.reshape(size), reference


@treatment("linear", "dy = d source", PAPER)
def copy(call: Call) -> Pair:
    """What is written takes the place, shape and type of what was there."""

    def written(there: Tensor, source: Tensor) -> Tensor:
        return source.to(device=there.device, dtype=there.dtype).expand(there.shape)

    with torch.no_grad():
        reference = written(call.references[0], call.references[1])
    return written(call.values[0], call.values[1]), reference


class Convolution(torch.autograd.Function):
    """A convolution with a fixed kernel, which does not keep its input: only a kernel's gradient would need it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
        ctx.shape, ctx.options = x.shape, options
        ctx.save_for_backward(weight)
        y: Tensor = torch.ops.aten.convolution(x, weight, bias, *options)
        return y

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        like = g.new_empty(1).expand(ctx.shape)
        m, _, _ = torch.ops.aten.convolution_backward(g, like, weight, None, *ctx.options, [True, False, False])
        return (m, *(None,) * (2 + len(ctx.options)))


@treatment("linear", "dy = kernel * dx", PAPER)
def convolution(call: Call) -> Pair:
    """A convolution with a fixed kernel is linear in its input."""
    if call.values[0].is_contiguous() and call.values[0].device.type == "cpu" and not call.value_options:
        return Convolution.apply(*call.values), call.reference()
    return call.value(), call.reference()
