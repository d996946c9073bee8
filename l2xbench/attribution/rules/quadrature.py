"""Elementwise functions of several tensors, or of a complex one: the mean gradient along the line, made
complete element by element.

With m the mean gradient (Gauss-Legendre), what it leaves of dy at one element, dy - sum_k m_k dx_k, is added
along that element's own dx: m_k + rest dx_k / sum_k dx_k^2. For smooth functions the rest is rounding; where
the line crosses a kink, a jump or a branch cut it keeps the sum exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.integral import gauss_legendre
from l2xbench.attribution.rules.treatment import INTEGRATED_GRADIENTS, condition, real, treatment


def gradients(value: Tensor, at: list[Tensor]) -> tuple[Tensor | None, ...]:
    """The gradients of the sum of `value`; none where PyTorch has no derivative, as of a division that rounds."""
    if not value.requires_grad:
        return ()
    try:
        return torch.autograd.grad(value, at, torch.ones_like(value), allow_unused=True)
    except RuntimeError as error:
        if "not implemented" not in str(error):
            raise
        return ()


class MeanGradient(torch.autograd.Function):
    """y = f(x_1, x_2, ...) elementwise and real, with broadcasting."""

    @staticmethod
    def forward(ctx: Any, f: Callable[..., Tensor], nodes: int, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        half = len(inputs) // 2
        x, x_ref = inputs[:half], inputs[half:]
        y, y_ref = f(*x), f(*x_ref)
        dx = [a - b for a, b in zip(x, x_ref, strict=True)]
        m = [torch.zeros(y.shape, dtype=d.dtype, device=d.device) for d in dx]
        for position, weight in gauss_legendre(nodes):
            with torch.enable_grad():
                at = [
                    torch.add(b, d, alpha=position).expand(y.shape).detach().requires_grad_()
                    for b, d in zip(x_ref, dx, strict=True)
                ]
                value = f(*at)
                found = gradients(value, at)
            for total, gradient in zip(m, found, strict=False):
                if gradient is not None:
                    total.add_(gradient, alpha=weight)
        m = [torch.where(a.isfinite(), a, torch.zeros_like(a)) for a in m]
        rest = (y - y_ref) - sum((a.conj() * d).real for a, d in zip(m, dx, strict=True))
        size = torch.stack([(d.conj() * d).real.expand(y.shape) for d in dx]).sum(0)
        share = torch.where(size > 0, rest / size, torch.zeros_like(rest))
        ctx.shapes = [a.shape for a in x]
        ctx.save_for_backward(*(a + share * d for a, d in zip(m, dx, strict=True)))
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        n = len(ctx.shapes)
        if g is None:
            return (None,) * (2 + 2 * n)
        found = [(g * m).sum_to_size(shape) for m, shape in zip(ctx.saved_tensors, ctx.shapes, strict=True)]
        return (None, None, *found, *(None,) * n)


@condition("real numbers, no reduction")
def unreduced(call: Call) -> bool:
    """Whether a loss is left elementwise."""
    return call.arguments().get("reduction", 1) == 0 and real.test(call)


@treatment("quadrature", "the mean gradient m by 5 nodes, then m_k + (dy - m dx) dx_k / |dx|^2", INTEGRATED_GRADIENTS)
def elementwise_by_quadrature(call: Call) -> Pair:
    """An elementwise function of any real or complex tensors, with a real result; see `MeanGradient`."""
    moving = [i for i, (a, b) in enumerate(zip(call.values, call.references, strict=True)) if a is not b]

    def f(*tensors: Tensor) -> Tensor:
        full = list(call.values)
        for i, tensor in zip(moving, tensors, strict=True):
            full[i] = tensor
        y: Tensor = call.operation(*full, **call.value_options)
        return y

    pair: Pair = MeanGradient.apply(f, 5, *(call.values[i] for i in moving), *(call.references[i] for i in moving))
    return pair
