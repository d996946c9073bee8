"""Softmax, log-softmax and logsumexp by logarithmic means.

With L_j = L(y_j, y'_j) = (y_j - y'_j)/(ln y_j - ln y'_j) and ln y_j = x_j - ln s, every output has dy_j = L_j (dx_j - d ln s).
The outputs of a row sum to one in both streams, so sum_j dy_j = 0 gives d ln s = sum_k v_k dx_k with v_k = L_k / sum_j L_j:

    dy_j = L_j (dx_j - sum_k v_k dx_k),

the form of softmax's own gradient with L in the place of y. Like it, it ignores a shift of all logits. The d ln s inside
L is taken from the logits, so no exponential overflows whatever the two maxima are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.registry import Call, Pair, rule


def logarithmic_means(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, dim: int) -> tuple[Tensor, bool]:
    """L(y, y') = dy / (dx - d ln s), and the arithmetic mean where that denominator d is small: it differs by d^2/12.

    Also whether some entry is masked (-inf) in one stream alone.
    """
    d = x - x_ref
    masked = bool(d.isinf().any())
    d -= log_sum(x, y, dim) - log_sum(x_ref, y_ref, dim)
    near = (24 * torch.finfo(y.dtype).eps) ** (1 / 3)
    far = d.abs() > near  # False where both logits are -inf, whose mean is 0
    return torch.where(far, (y - y_ref).div_(d), torch.lerp(y, y_ref, 0.5)), masked


def log_sum(x: Tensor, y: Tensor, dim: int) -> Tensor:
    """ln sum e^x from the row's largest entry: x = ln y + ln s."""
    return x.amax(dim, keepdim=True) - y.amax(dim, keepdim=True).log_()


class Softmax(torch.autograd.Function):
    """y = softmax(x) along `dim`; saves L alone.

    Where a mask that depends on the data puts -inf into one stream only, that entry's dx is no number: the row's rest,
    <g, dy> minus what the finite entries explain, is spread over their dx in proportion to it.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, dim: int) -> tuple[Tensor, Tensor]:
        y, y_ref = torch.softmax(x, dim).nan_to_num_(0.0), torch.softmax(x_ref, dim).nan_to_num_(0.0)
        ctx.dim = dim
        mean, masked = logarithmic_means(x, x_ref, y, y_ref, dim)
        ctx.save_for_backward(mean, *((x - x_ref, y - y_ref) if masked else ()))
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, None, None]:
        if g is None:
            return None, None, None
        mean, *masked = ctx.saved_tensors
        m = g * mean
        share = m.sum(ctx.dim, keepdim=True) / mean.sum(ctx.dim, keepdim=True)
        m.addcmul_(mean, share.nan_to_num_(0.0), value=-1)
        if masked:
            dx, dy = masked[0].nan_to_num(0.0, 0.0, 0.0), masked[1]
            rest = (g * dy - m * dx).sum(ctx.dim, keepdim=True)
            m.addcmul_(dx, (rest / dx.square().sum(ctx.dim, keepdim=True)).nan_to_num(0.0, 0.0, 0.0))
        return m, None, None


@rule("_softmax", "_safe_softmax", "softmax", arguments=("self",))
def softmax(call: Call) -> Pair:
    """See `Softmax`."""
    return Softmax.apply(call.values[0], call.references[0], call.values[1])


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


@rule("logsumexp")
def logsumexp(call: Call) -> Pair:
    """See `LogSumExp`."""
    dims = call.values[1]
    dims = [dims] if isinstance(dims, int) else list(dims) or list(range(call.values[0].dim()))
    return LogSumExp.apply(call.values[0], call.references[0], dims, call.argument(2, "keepdim", False))


@rule("_log_softmax", "log_softmax")
def log_softmax(call: Call) -> Pair:
    """x - ln s."""
    x, x_ref = call.values[0], call.references[0]
    s, s_ref = LogSumExp.apply(x, x_ref, [call.values[1]], True)
    return x - s, x_ref - s_ref
