"""Products of two tensors that both carry a difference, in every spelling, and quotients.

A bilinear form B satisfies dB = B(da, (b + b')/2) + B((a + a')/2, db) exactly: the gradient at the midpoint,
symmetric in its two factors (Shapley's split of a product of two).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.questions import asked_at_once
from l2xbench.attribution.rules.treatment import SHAPLEY, closed_form, condition


def mean_of(a: Tensor, b: Tensor) -> Tensor:
    """(a + b) / 2 without overflow."""
    return torch.lerp(a, b, 0.5) if a.dtype == b.dtype else (a + b) / 2


class Product(torch.autograd.Function):
    """Elementwise a * b, broadcasting: da gets (b + b')/2, db gets (a + a')/2."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor) -> tuple[Tensor, Tensor]:
        ctx.shapes = a.shape, b.shape
        ctx.real = not a.is_complex(), not b.is_complex()
        ctx.save_for_backward(
            mean_of(b, b_ref) if ctx.needs_input_grad[0] else None,
            mean_of(a, a_ref) if ctx.needs_input_grad[1] else None,
        )
        y_ref = a_ref * b_ref
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return a * b, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        if g is None:
            return None, None, None, None
        result: list[Tensor | None] = [None, None, None, None]
        for i, other in enumerate(ctx.saved_tensors):
            if other is not None:
                m = g * other.conj()
                result[i] = (m.real if ctx.real[i] and m.is_complex() else m).sum_to_size(ctx.shapes[i])
        return tuple(result)


@closed_form("(b + b')/2 da + (a + a')/2 db", SHAPLEY)
def product(call: Call) -> Pair:
    """a b: see `Product`."""
    (a, b), (a_ref, b_ref) = call.values, call.references
    pair: Pair = Product.apply(a, b, a_ref, b_ref)
    return pair


class MatrixProduct(torch.autograd.Function):
    """a @ b of matrices or batches of matrices of equal batch shape."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor) -> tuple[Tensor, Tensor]:
        ctx.shapes = a.shape, b.shape
        a, b, a_ref, b_ref = (t.reshape(-1, *t.shape[-2:]) for t in (a, b, a_ref, b_ref))
        ctx.save_for_backward(mean_of(a, a_ref), mean_of(b, b_ref))
        y_ref = torch.bmm(a_ref, b_ref)
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        shape = (*ctx.shapes[0][:-1], ctx.shapes[1][-1])
        return torch.bmm(a, b).view(shape), y_ref.view(shape)

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        if g is None:
            return None, None, None, None
        a, b = ctx.saved_tensors
        g = g.reshape(-1, *g.shape[-2:])
        m_a = torch.bmm(g, b.mH).view(ctx.shapes[0]) if ctx.needs_input_grad[0] else None
        m_b = torch.bmm(a.mH, g).view(ctx.shapes[1]) if ctx.needs_input_grad[1] else None
        return m_a, m_b, None, None


@condition("matrices, or as many on either side")
def alike(call: Call) -> bool:
    """Whether two factors are matrices, or batches of one shape."""
    a, b = call.values[:2]
    fits: bool = a.dim() >= 2 and b.dim() >= 2 and a.shape[:-2] == b.shape[:-2] and a.dtype == b.dtype
    return fits


@closed_form("da (b + b')/2 + (a + a')/2 db", SHAPLEY)
def matrix_product(call: Call) -> Pair:
    """a @ b: see `MatrixProduct`."""
    (a, b), (a_ref, b_ref) = call.values[:2], call.references[:2]
    pair: Pair = MatrixProduct.apply(a, b, a_ref, b_ref)
    return pair


class Quotient(torch.autograd.Function):
    """a / b for b that keeps its sign: a = y b gives da = ((y + y')/2) db + ((b + b')/2) dy, hence

    dy = (2 da - (y + y') db) / (b + b'), in which nothing is larger than the operation's own result;
    where b changes its sign, the product a (1/b): dy = ((1/b + 1/b')/2) da - ((a + a')/2) db / (b b').
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, a_ref: Tensor, b_ref: Tensor) -> tuple[Tensor, Tensor]:
        y, y_ref = a / b, a_ref / b_ref
        ctx.shapes = a.shape, b.shape
        ctx.real = not a.is_complex(), not b.is_complex()
        total = b + b_ref
        m_a, m_b = 2 / total, -(y + y_ref) / total
        crossing = b.sign() * b_ref.sign() <= 0 if not b.is_complex() else (b * b_ref.conj()).real <= 0
        if not asked_at_once() or crossing.any():
            m_a = torch.where(crossing, (1 / b + 1 / b_ref) / 2, m_a)
            m_b = torch.where(crossing, -(a + a_ref) / 2 / b / b_ref, m_b)
        ctx.save_for_backward(m_a if ctx.needs_input_grad[0] else None, m_b if ctx.needs_input_grad[1] else None)
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    backward = Product.backward


@condition("no rounding")
def unrounded(call: Call) -> bool:
    """Whether a quotient is left as it is."""
    return call.value_options.get("rounding_mode") is None


@closed_form("(2 da - (y + y') db) / (b + b'); where b changes its sign, the product a (1/b)", SHAPLEY)
def quotient(call: Call) -> Pair:
    """a / b: see `Quotient`."""
    (a, b), (a_ref, b_ref) = call.values, call.references
    a, a_ref = (t if isinstance(t, Tensor) else b.new_full((), t) for t in (a, a_ref))
    pair: Pair = Quotient.apply(a, b, a_ref, b_ref)
    return pair


class Inverse(torch.autograd.Function):
    """Y = A^-1: dY = -Y dA Y' = -Y' dA Y, and their mean is taken."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        ctx.save_for_backward(y, y_ref)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, None]:
        y, y_ref = (t.mH for t in ctx.saved_tensors)
        return (y @ g @ y_ref + y_ref @ g @ y) * -0.5, None, None


@closed_form("dY = -(Y dA Y' + Y' dA Y)/2, Y = A^-1", SHAPLEY)
def inverse(call: Call) -> Pair:
    """The inverse of matrices; see `Inverse`."""
    with torch.no_grad():
        (y, info), (y_ref, info_ref) = call.value(), call.reference()
    return (Inverse.apply(call.values[0], y, y_ref), info), (y_ref, info_ref)
