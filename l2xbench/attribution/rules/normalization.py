"""Norms and what divides by them, each with one fused backward.

For y = c / s with c = x - mean, s = sqrt(v + eps), v = mean(c^2), r = 1/s, and a bar for the mean of the two
streams, the square, the square root and the product rule give dv = mean(2 c_bar dc), dr = -(r r')^2/(r + r') dv and

    dy = r_bar dc + c_bar dr,

which is LayerNorm's own gradient at c_bar with the deviation R = 2 r r'/(r + r'), times r_bar / R: so the
library's fused kernel computes it. Where the two deviations are far apart (a flat window in one stream), c_bar
dr and r_bar dc cancel; there

    dy = (dc - y_bar ds) / s_bar,   ds = mean(c_bar dc) / s_bar      (from c = y s)

is used, in which every factor is at most of the size of the result: row by row, so that a map does not depend on
which images come together.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair, absent
from l2xbench.attribution.rules.own import with_own_result
from l2xbench.attribution.rules.piecewise import ramp
from l2xbench.attribution.rules.questions import arose, steady
from l2xbench.attribution.rules.treatment import IDENTITY, closed_form, condition


class Standardize(torch.autograd.Function):
    """(x - mean) / sqrt(var + eps) over the last axis of a (rows, elements) view; `center=False` for RMS norms."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, eps: float, center: bool) -> tuple[Tensor, Tensor]:
        def stream(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            c = x - x.mean(-1, keepdim=True) if center else x
            s = c.square().mean(-1, keepdim=True).add_(eps).sqrt_()
            return c, s, c / s

        c, s, y = stream(x)
        c_ref, s_ref, y_ref = stream(x_ref)
        ctx.center = center
        ctx.save_for_backward(torch.lerp(c, c_ref, 0.5), torch.lerp(y, y_ref, 0.5), torch.lerp(s, s_ref, 0.5))
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, None, None, None]:
        if g is None:
            return None, None, None, None
        c, y, s = ctx.saved_tensors
        along = (g * y).mean(-1, keepdim=True).div_(s)
        m = torch.addcmul(g, c, along, value=-1).div_(s)
        m = m.nan_to_num_(0.0)  # a row that is zero in both streams, without eps
        return m - m.mean(-1, keepdim=True) if ctx.center else m, None, None, None


def affine(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


class LayerNorm(torch.autograd.Function):
    """y of the value stream, with the multipliers by the library's kernel; see the file's heading."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, y: Tensor, middle: Tensor, shape: list[int], weight: Any, bias: Any, *rows: Tensor
    ) -> Tensor:
        ctx.shape = shape
        ctx.save_for_backward(middle, weight, bias, *rows)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        middle, weight, bias, mean, r, ratio = ctx.saved_tensors
        m, _, _ = torch.ops.aten.native_layer_norm_backward(
            g.contiguous(), middle, ctx.shape, mean, r, weight, bias, [True, False, False]
        )
        return (m.mul_(ratio), *(None,) * 8)


class SteadyLayerNorm(torch.autograd.Function):
    """The same, row by row by the one form or the other, in more steps: with R = 2 r r'/(r + r') = 1/s_bar,

    m = A g - R c_bar mean(g v),   A = r_bar, v = r r' c_bar;   where r and r' are far apart A = R, v = R y_bar.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, y: Tensor, shape: list[int], weight: Any, *rows: Tensor) -> Tensor:
        mean, r, mean_ref, r_ref, far = rows
        c, c_ref = x - mean, x_ref - mean_ref
        inverse = 2 / (1 / r + 1 / r_ref)
        middle = torch.lerp(c, c_ref, 0.5)
        along = torch.where(far, torch.lerp(c.mul_(r), c_ref.mul_(r_ref), 0.5).mul_(inverse), middle * (r * r_ref))
        ctx.dims = list(range(-len(shape), 0))
        ctx.save_for_backward(torch.where(far, inverse, (r + r_ref) / 2), along, middle.mul_(inverse), weight)
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        scale, along, middle, weight = ctx.saved_tensors
        g = g if weight is None else g * weight
        m = torch.addcmul(g * scale, middle, (g * along).mean(ctx.dims, keepdim=True), value=-1)
        return (m.sub_(m.mean(ctx.dims, keepdim=True)), *(None,) * 9)


@closed_form(
    "dy = r_bar dc + c_bar dr: c = x - mean, r = 1/sqrt(mean c^2 + eps), a bar for the mean of both streams", IDENTITY
)
def layer_norm(call: Call) -> Pair:
    """(x - mean)/sqrt(var + eps) gamma + beta over the trailing `normalized_shape`."""
    x, shape, weight, bias, eps = call.values[:5]
    x_ref = call.references[0]
    nothing = absent(x)
    with torch.no_grad():
        y, mean, r = torch.native_layer_norm(x, shape, weight, bias, eps)
        y_ref, mean_ref, r_ref = torch.native_layer_norm(x_ref, shape, weight, bias, eps)
        far = torch.maximum(r, r_ref) > 8 * torch.minimum(r, r_ref)
    if not steady() and not arose(far.any()):
        with torch.no_grad():
            rows = torch.lerp(mean, mean_ref, 0.5), 2 * r * r_ref / (r + r_ref), (r + r_ref).square() / (4 * r * r_ref)
            middle = torch.lerp(x, x_ref, 0.5).contiguous()
        return (LayerNorm.apply(x, y, middle, shape, weight, bias, *rows), nothing, nothing), (y_ref, nothing, nothing)
    value = SteadyLayerNorm.apply(x, x_ref, y, shape, weight, mean, r, mean_ref, r_ref, far)
    return (value, nothing, nothing), (y_ref, nothing, nothing)


@closed_form(
    "dy = r_bar dc + c_bar dr: c = x - mean, r = 1/sqrt(mean c^2 + eps), a bar for the mean of both streams", IDENTITY
)
def group_norm(call: Call) -> Pair:
    """Standardized over the channels of a group and all positions; gamma and beta for each channel."""
    x, weight, bias, n, c, _, groups, eps = call.values
    x_ref = call.references[0]
    y, y_ref = Standardize.apply(x.reshape(n, groups, -1), x_ref.reshape(n, groups, -1), eps, True)
    shape = (1, c) + (1,) * (x.dim() - 2)
    weight, bias = (None if p is None else p.view(shape) for p in (weight, bias))
    nothing = absent(x)
    with torch.no_grad():
        y_ref = affine(y_ref.view(x.shape), weight, bias)
    return (affine(y.view(x.shape), weight, bias), nothing, nothing), (y_ref, nothing, nothing)


@closed_form("affine by running statistics; by those of the batch as a layer norm", IDENTITY)
def batch_norm(call: Call) -> Pair:
    """With running statistics affine; with those of the batch (an InstanceNorm is one over a reshaped batch)
    standardized.
    """
    x, x_ref = call.values[0], call.references[0]
    schema = [argument.name for argument in call.operation._schema.arguments]
    given = dict(zip(schema, call.values, strict=False)) | call.value_options
    weight, bias, eps = given.get("weight"), given.get("bias"), given.get("eps", given.get("epsilon", 1e-5))
    mean, var = given.get("running_mean"), given.get("running_var")
    shape = (1, -1) + (1,) * (x.dim() - 2)
    by_batch = given.get("training", "no_training" not in call.name and "no_update" not in call.name)
    nothing = absent(x) if by_batch else x.new_empty(0)  # as the operation itself gives
    spare = (nothing,) * (len(call.operation._schema.returns) - 1)
    weight, bias = (None if p is None else p.view(shape) for p in (weight, bias))
    if not by_batch and mean is not None and var is not None:
        scale = (var + eps).rsqrt().view(shape)
        scale = scale if weight is None else scale * weight
        shift = -mean.view(shape) * scale
        shift = shift if bias is None else shift + bias
        with torch.no_grad():
            y_ref = torch.addcmul(shift, x_ref, scale)
        return (torch.addcmul(shift, x, scale), *spare), (y_ref, *spare)
    rows = (x.shape[1], -1)
    y, y_ref = Standardize.apply(x.transpose(0, 1).reshape(rows), x_ref.transpose(0, 1).reshape(rows), eps, True)
    back = (x.shape[1], x.shape[0], *x.shape[2:])
    with torch.no_grad():
        y_ref = affine(y_ref.view(back).transpose(0, 1).contiguous(), weight, bias)
    pair = (affine(y.view(back).transpose(0, 1).contiguous(), weight, bias), *spare), (y_ref, *spare)
    return with_own_result(call, pair) if mean is None else pair  # the operation would update its statistics again


@closed_form("dy = (dx - y_bar ds) / s_bar, s = sqrt(mean x^2 + eps)", IDENTITY)
def rms_norm(call: Call) -> Pair:
    """x / sqrt(mean(x^2) + eps) gamma."""
    x, shape, weight = call.values[:3]
    x_ref = call.references[0]
    eps = call.argument(3, "eps") or torch.finfo(x.dtype).eps
    rows = (*x.shape[: x.dim() - len(shape)], -1)
    y, y_ref = Standardize.apply(x.reshape(rows), x_ref.reshape(rows), eps, False)
    nothing = absent(x)
    with torch.no_grad():
        y_ref = affine(y_ref.view(x.shape), weight, None)
    return (affine(y.view(x.shape), weight, None), nothing), (y_ref, nothing)


class Normalized(torch.autograd.Function):
    """y = x / s along `dim` with s = max(|x|, eps): the form of the file's heading that never cancels,

    dy = (dx - y_bar ds) / s_bar,   ds = k sum (x_bar / n_bar) dx,   n = |x|, k = ds/dn in [0, 1] (1 where n > eps).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, dim: Any, eps: float) -> tuple[Tensor, Tensor]:
        n, n_ref = (torch.linalg.vector_norm(t, 2, dim, True) for t in (x, x_ref))
        s, s_ref = n.clamp_min(eps), n_ref.clamp_min(eps)
        y, y_ref = x / s, x_ref / s_ref
        total = (n + n_ref).clamp_min_(torch.finfo(x.dtype).tiny)
        slope = ramp(n - eps, n_ref - eps).mul_(2).div_(total)
        ctx.dim = dim
        ctx.save_for_backward(torch.lerp(x, x_ref, 0.5), torch.lerp(y, y_ref, 0.5), slope, 2 / (s + s_ref))
        ctx.mark_non_differentiable(y_ref)
        ctx.set_materialize_grads(False)
        return y, y_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, None, None, None]:
        if g is None:
            return None, None, None, None
        x, y, slope, r = ctx.saved_tensors
        along = (g * y).sum(ctx.dim, keepdim=True).mul_(slope)
        return torch.addcmul(g, x, along, value=-1).mul_(r), None, None, None


@condition("p = 2, real numbers")
def of_the_two_norm(call: Call) -> bool:
    """`F.normalize` for the 2-norm of real numbers."""
    return call.argument(1, "p", 2) == 2 and call.argument(4, "out") is None and call.values[0].is_floating_point()


@closed_form("dy = (dx - y_bar ds) / s_bar, s = max(|x|, eps)", IDENTITY)
def normalize(call: Call) -> Pair:
    """`F.normalize`: see `Normalized`."""
    pair: Pair = Normalized.apply(
        call.values[0], call.references[0], call.argument(2, "dim", 1), call.argument(3, "eps", 1e-12)
    )
    return pair


class EuclideanNorm(torch.autograd.Function):
    """n = |x| over `dims`: n^2 - n'^2 = sum (x + x') dx gives dn = sum (x + x') dx / (n + n'), at most 1 in size."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x_ref: Tensor, dims: list[int], keepdim: bool) -> tuple[Tensor, Tensor]:
        n = torch.linalg.vector_norm(x, 2, dims, True)
        n_ref = torch.linalg.vector_norm(x_ref, 2, dims, True)
        total = n + n_ref
        ctx.save_for_backward(torch.where(total > 0, (x + x_ref) / total, torch.zeros_like(x)))
        ctx.dims, ctx.keepdim = dims, keepdim
        if not keepdim:
            n, n_ref = n.squeeze(dims), n_ref.squeeze(dims)
        ctx.mark_non_differentiable(n_ref)
        ctx.set_materialize_grads(False)
        return n, n_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, None, None, None]:
        if g is None:
            return None, None, None, None
        (m,) = ctx.saved_tensors
        if not ctx.keepdim:
            for dim in sorted(d % m.dim() for d in ctx.dims):
                g = g.unsqueeze(dim)
        return g * m, None, None, None


@condition("p = 2")
def euclidean(call: Call) -> bool:
    """Whether a norm is the Euclidean one."""
    p = call.argument(1, "ord" if call.name == "linalg_vector_norm" else "p", 2)
    return p is None or p == 2


@closed_form("dn = sum (x + x') dx / (n + n')", IDENTITY)
def euclidean_norm(call: Call) -> Pair:
    """The 2-norm over some axes; see `EuclideanNorm`."""
    x = call.values[0]
    dims = call.argument(2, "dim")
    dims = list(range(x.dim())) if dims is None else [dims] if isinstance(dims, int) else list(dims)
    pair: Pair = EuclideanNorm.apply(x, call.references[0], dims, call.argument(3, "keepdim", False))
    return pair


def extent(call: Call) -> tuple[list[int], float, bool]:
    """The axes, the divisor and keepdim of a variance's call."""
    x = call.values[0]
    dims = call.argument(1, "dim")
    dims = list(range(x.dim())) if not dims and dims != 0 else [dims] if isinstance(dims, int) else list(dims)
    count = 1
    for dim in dims:
        count *= x.shape[dim]
    correction = call.value_options.get("correction", 1)
    return (
        dims,
        max(count - (1 if correction is None else correction), 0),
        bool(call.value_options.get("keepdim", False)),
    )


class Variance(torch.autograd.Function):
    """v = sum (x - mean)^2 / k: dv = sum 2 c_bar dc / k; its root by 1 / (sqrt v + sqrt v')."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, x_ref: Tensor, dims: list[int], k: float, keepdim: bool, root: bool
    ) -> tuple[Tensor, Tensor]:
        def stream(x: Tensor) -> tuple[Tensor, Tensor]:
            c = x - x.mean(dims, keepdim=True)
            return c, c.square().sum(dims, keepdim=True) / k

        (c, v), (c_ref, v_ref) = stream(x), stream(x_ref)
        m = (c + c_ref) / k
        if root:
            v, v_ref = v.sqrt(), v_ref.sqrt()
            m = (m / (v + v_ref)).nan_to_num(0.0)
        ctx.save_for_backward(m)
        ctx.dims, ctx.keepdim = dims, keepdim
        if not keepdim:
            v, v_ref = v.squeeze(dims), v_ref.squeeze(dims)
        ctx.mark_non_differentiable(v_ref)
        ctx.set_materialize_grads(False)
        return v, v_ref

    @staticmethod
    def backward(ctx: Any, g: Tensor | None, _: Any) -> tuple[Tensor | None, ...]:
        return (EuclideanNorm.backward(ctx, g, None)[0], None, None, None, None, None)


@closed_form("dv = sum 2 c_bar dc / k, c = x - mean; a deviation's by 1 / (sqrt v + sqrt v')", IDENTITY)
def variance(call: Call) -> Pair:
    """See `Variance`; the means that `var_mean` and `std_mean` also return are linear."""
    x, x_ref = call.values[0], call.references[0]
    dims, k, keepdim = extent(call)
    v, v_ref = Variance.apply(x, x_ref, dims, k, keepdim, call.name.startswith("std"))
    if not call.name.endswith("mean"):
        return v, v_ref
    with torch.no_grad():
        mean_ref = x_ref.mean(dims, keepdim=keepdim)
    return (v, x.mean(dims, keepdim=keepdim)), (v_ref, mean_ref)
