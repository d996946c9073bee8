"""Distances of all points of one set from all of another (`torch.cdist`, as graphs of nearest neighbours use)."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.treatment import IDENTITY, closed_form, composed, condition


class Distances(torch.autograd.Function):
    """d_ij = |a_i - b_j| (..., P, R) of a (..., P, M), b (..., R, M), without anything of size P R M: with A = a + a',
    B = b + b' and w = g / (d + d'),

        m_a = A_i sum_j w_ij - sum_j w_ij B_j,    m_b = B_j sum_i w_ij - sum_i w_ij A_i.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor, d: Tensor, d_ref: Tensor) -> Tensor:
        total = d + d_ref
        ctx.shapes = a.shape, b.shape
        ctx.save_for_backward(a + a_ref, b + b_ref, torch.where(total > 0, total.reciprocal(), 0.0))
        return d.view_as(d)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        a, b, inverse = ctx.saved_tensors
        w = g * inverse
        m_a = a * w.sum(-1, keepdim=True) - w @ b
        m_b = b * w.sum(-2).unsqueeze(-1) - w.mT @ a
        return m_a.sum_to_size(ctx.shapes[0]), m_b.sum_to_size(ctx.shapes[1]), None, None, None, None


@condition("p = 2")
def euclidean(call: Call) -> bool:
    """Whether the distance is the Euclidean one."""
    return bool(call.argument(2, "p") == 2)


@closed_form("dd = sum (x + x') dx / (d + d'), x = a - b", IDENTITY)
def euclidean_distance(call: Call) -> Pair:
    """See `Distances`; the distances themselves are the operation's own."""
    with torch.no_grad():
        d, d_ref = call.value(), call.reference()
    given = (call.values[0], call.values[1], call.references[0], call.references[1])
    return Distances.apply(*given, d, d_ref), d_ref


@composed("the p-norm of a - b")
def distance(x1: Tensor, x2: Tensor, p: float, compute_mode: int | None = None) -> Tensor:
    """Distances by another norm."""
    found: Tensor = torch.linalg.vector_norm(x1.unsqueeze(-2) - x2.unsqueeze(-3), p, -1)
    return found
