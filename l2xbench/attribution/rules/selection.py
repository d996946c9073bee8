"""Steps and selections: comparisons, rounding, indices that depend on the data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.piecewise import Elementwise
from l2xbench.attribution.rules.registry import Call, Pair, register, rule


def select(call: Call, reference: Any) -> Pair:
    """A result with no derivative (a comparison, an index): each stream has its own."""
    with torch.no_grad():
        return call.value(), reference


def step_slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
    """dy/dx of a function that is constant but for jumps; 0 where x = x'."""
    dx = x - x_ref
    return torch.where(dx == 0, torch.zeros_like(dx), (y - y_ref) / dx)


@register(
    "selection",
    ["floor", "ceil", "round", "trunc", "fix", "sign", "sgn", "heaviside", "fmod", "remainder", "floor_divide", "threshold", "hardshrink"],
    {"self"},
)
def step(call: Call) -> Pair:
    """A function with jumps: the chord slope, exact; large where a jump is crossed by a small dx."""

    def f(x: Tensor) -> Tensor:
        return call.operation(x, *call.values[1:], **call.value_options)

    return Elementwise.apply(call.values[0], call.references[0], f, step_slope)


class Switch(torch.autograd.Function):
    """y = a where c else b, with a condition c that differs between the streams at some places.

    There dy is shared over da and db along their direction, m = dy (da, db) / (da^2 + db^2): complete, and for branches that
    are multiples of one x (an activation written with `where`) exactly the chord slope.
    """

    @staticmethod
    def forward(ctx: Any, c: Tensor, c_ref: Tensor, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor) -> Any:
        y, y_ref = torch.where(c, a, b), torch.where(c_ref, a_ref, b_ref)
        da, db, dy = a - a_ref, b - b_ref, y - y_ref
        size = da.square() + db.square()
        share = torch.where(size > 0, dy / size, torch.zeros_like(dy))
        changed = c != c_ref
        ctx.shapes = a.shape, b.shape
        ctx.save_for_backward(
            torch.where(changed, share * da, c.to(dy.dtype)), torch.where(changed, share * db, (~c).to(dy.dtype))
        )
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        if g is None:
            return (None,) * 6
        m_a, m_b = ((g * m).sum_to_size(shape) for m, shape in zip(ctx.saved_tensors, ctx.shapes, strict=True))
        return None, None, m_a, m_b, None, None


@rule("where")
def where(call: Call) -> Pair:
    """See `Switch`."""
    (c, a, b), (c_ref, a_ref, b_ref) = call.values, call.references
    dtype = torch.result_type(a, b)
    a, b, a_ref, b_ref = (t.to(dtype) for t in (a, b, a_ref, b_ref))
    return Switch.apply(c, c_ref, a, b, a_ref, b_ref)
