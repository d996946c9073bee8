"""Truths and integers used as numbers: `(x > 0).float() * x`, `mask * x`, `x - x.floor().long()`.

The truth c of a > b has no gradient, but as the number 0 or 1 it has a chord, dc / (da - db): large where a
small difference crosses, and then the effect of the crossing is small for any network that is continuous there.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Truth(torch.autograd.Function):
    """c as a number, from a - b."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, c: Tensor, du: Tensor, c_ref: Tensor) -> Tensor:
        dc = c.to(du.dtype) - c_ref.to(du.dtype)
        ctx.save_for_backward(torch.where(du == 0, torch.zeros_like(du), dc / du))
        ctx.shapes = a.shape, b.shape
        return c.to(du.dtype)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        m = g * ctx.saved_tensors[0]
        return m.sum_to_size(ctx.shapes[0]), -m.sum_to_size(ctx.shapes[1]), None, None, None


def truth_as_number(
    a: Any, b: Any, a_ref: Any, b_ref: Any, c: Tensor, c_ref: Tensor, dtype: torch.dtype
) -> tuple[Tensor, Tensor]:
    """The comparison's truth on both streams, as 0 and 1, with multipliers to what was compared."""
    a, b, a_ref, b_ref = (
        torch.full((), t, dtype=dtype, device=c.device) if not isinstance(t, Tensor) else t.to(dtype)
        for t in (a, b, a_ref, b_ref)
    )
    with torch.no_grad():
        du = (a - b) - (a_ref - b_ref)
    return Truth.apply(a, b, c, du, c_ref), c_ref.to(dtype)
