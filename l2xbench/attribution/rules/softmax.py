"""Softmax, log-softmax and logsumexp by logarithmic means.

With L_j = L(y_j, y'_j) = (y_j - y'_j)/(ln y_j - ln y'_j) and ln y_j = x_j - ln s, every output has
dy_j = L_j (dx_j - d ln s). The outputs of a row sum to one in both streams, so sum_j dy_j = 0 gives
d ln s = sum_k v_k dx_k with v_k = L_k / sum_j L_j:

    dy_j = L_j (dx_j - sum_k v_k dx_k),

the form of softmax's own gradient with L in the place of y. Like it, it ignores a shift of all logits. The d
ln s inside L is taken from the logits, so no exponential overflows whatever the two maxima are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.blocks import rows
from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.questions import arose, is_finite, steady
from l2xbench.attribution.rules.treatment import LOGARITHMIC_MEAN, closed_form


def logarithmic_means(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, dim: int, out: Tensor) -> None:
    """Into `out`: L(y, y') = dy / d with d = dx - d ln s, blended into the arithmetic mean A where d is small:

    (dy d + e A) / (d^2 + e), which is off by e/12 at most since dy = A d (1 - d^2/12 + ...), and never divides
    by zero.
    """
    d = x - x_ref
    if steady():
        d.nan_to_num_(0.0, torch.inf, -torch.inf)  # masked in both streams
    d -= log_sum(x, y, dim) - log_sum(x_ref, y_ref, dim)
    e = torch.finfo(y.dtype).eps
    torch.add(y, y_ref, out=out).addcmul_(y - y_ref, d, value=2 / e)
    out.div_(torch.addcmul(d.new_full((), 2.0), d, d, value=2 / e))


def masked_means(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, dim: int) -> tuple[Tensor, bool]:
    """The same where some logits are -inf, or overflow; and whether one is -inf in one stream alone."""
    d = x - x_ref
    masked = arose(d.isinf().any())
    d -= log_sum(x, y, dim) - log_sum(x_ref, y_ref, dim)
    far = d.abs() > torch.finfo(y.dtype).eps ** (1 / 3)  # False where both logits are -inf, whose mean is 0
    return torch.where(far, (y - y_ref).div_(d), torch.lerp(y, y_ref, 0.5)), masked


def log_sum(x: Tensor, y: Tensor, dim: int) -> Tensor:
    """ln sum e^x from the row's largest entry: x = ln y + ln s."""
    return x.amax(dim, keepdim=True) - y.amax(dim, keepdim=True).log_()


class Softmax(torch.autograd.Function):
    """y = softmax(x) along `dim`; saves L alone.

    Where a mask that depends on the data puts -inf into one stream only, that entry's dx is no number: the
    row's rest, <g, dy> minus what the finite entries explain, is spread over their dx in proportion to it.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, x_ref: Tensor, dim: int, f: Callable[[Tensor, int, Tensor], Any]
    ) -> tuple[Tensor, Tensor]:
        y, y_ref, mean = (torch.empty_like(x, memory_format=torch.contiguous_format) for _ in range(3))
        for a, a_ref, b, b_ref, m in rows(dim, x, x_ref, y, y_ref, mean):
            axis = dim if a is x else -1
            f(a, axis, b)
            f(a_ref, axis, b_ref)
            logarithmic_means(a, a_ref, b, b_ref, axis, m)
        ctx.dim, masked = dim, False
        total = mean.sum(dim, keepdim=True)
        if not is_finite(total):
            mean, masked = masked_means(x, x_ref, y, y_ref, dim)
            total = mean.sum(dim, keepdim=True)
        ctx.save_for_backward(
            mean, total.reciprocal_().nan_to_num_(0.0, 0.0, 0.0), *((x - x_ref, y - y_ref) if masked else ())
        )
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, None, None, None]:
        if g is None:
            return None, None, None, None
        mean, scale, *masked = ctx.saved_tensors
        m = torch.empty_like(mean)
        done = 0
        for h, k, out in rows(ctx.dim, g.contiguous(), mean, m):
            r = scale if out is m else scale.view(-1, 1)[done : done + len(out)]
            done += len(out)
            axis = ctx.dim if out is m else -1
            torch.mul(h, k, out=out)
            out.addcmul_(k, out.sum(axis, keepdim=True).mul_(r), value=-1)
        if masked:
            dx, dy = masked[0].nan_to_num(0.0, 0.0, 0.0), masked[1]
            rest = (g * dy - m * dx).sum(ctx.dim, keepdim=True)
            m.addcmul_(dx, (rest / dx.square().sum(ctx.dim, keepdim=True)).nan_to_num(0.0, 0.0, 0.0))
        return m, None, None, None


@closed_form("dy_j = L(y_j, y'_j) (dx_j - d ln s), d ln s = sum_k v_k dx_k, v = L / sum L", LOGARITHMIC_MEAN)
def softmax(call: Call) -> Pair:
    """See `Softmax`."""

    def f(x: Tensor, dim: int, out: Tensor) -> None:
        if call.name == "_softmax":
            torch.softmax(x, dim, out=out)
        else:
            out.copy_(call.operation(x, dim, *call.values[2:], **call.value_options))

    pair: Pair = Softmax.apply(call.values[0], call.references[0], call.values[1], f)
    return pair


class LogSumExp(torch.autograd.Function):
    """ln sum e^x along `dims`: d ln s = sum_k v_k dx_k."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, dims: list[int], keepdim: bool) -> tuple[Tensor, Tensor]:
        y, y_ref = torch.logsumexp(x, dims, True), torch.logsumexp(x_ref, dims, True)
        p, p_ref = (x - y).exp_(), (x_ref - y_ref).exp_()
        d = (x - x_ref) - (y - y_ref)
        far = d.abs() > (24 * torch.finfo(y.dtype).eps) ** (1 / 3)
        mean = torch.where(far, (p - p_ref).div_(d), torch.lerp(p, p_ref, 0.5))
        ctx.save_for_backward(mean.div_(mean.sum(dims, keepdim=True)))
        ctx.dims, ctx.keepdim = dims, keepdim
        if not keepdim:
            y, y_ref = y.squeeze(dims), y_ref.squeeze(dims)
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, None, None, None]:
        if g is None:
            return None, None, None, None
        if not ctx.keepdim:
            for dim in sorted(d % ctx.saved_tensors[0].dim() for d in ctx.dims):
                g = g.unsqueeze(dim)
        return g * ctx.saved_tensors[0], None, None, None


@closed_form("d ln s = sum_k v_k dx_k, v = L / sum L, L_k = L(y_k, y'_k) of the softmax y", LOGARITHMIC_MEAN)
def logsumexp(call: Call) -> Pair:
    """See `LogSumExp`."""
    dims = call.values[1]
    dims = [dims] if isinstance(dims, int) else list(dims) or list(range(call.values[0].dim()))
    pair: Pair = LogSumExp.apply(call.values[0], call.references[0], dims, call.argument(2, "keepdim", False))
    return pair


@closed_form("dy_j = dx_j - d ln s, d ln s as for logsumexp", LOGARITHMIC_MEAN)
def log_softmax(call: Call) -> Pair:
    """x - ln s."""
    x, x_ref = call.values[0], call.references[0]
    s, s_ref = LogSumExp.apply(x, x_ref, [call.values[1]], True)
    return x - s, x_ref - s_ref
