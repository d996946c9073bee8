"""Operations that are linear (or affine) in the tensors that carry a difference: their own gradient is the
multiplier.

An operation is linear because it stands on this list, in the arguments named here; never because it is unknown.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.registry import Call, Pair, register

IN_SELF = [
    "alias",
    "_unsafe_view",
    "_reshape_alias",
    "reshape",
    "permute",
    "transpose",
    "t",
    "expand",
    "squeeze",
    "unsqueeze",
    "slice",
    "select",
    "narrow",
    "split",
    "split_with_sizes",
    "unsafe_split",
    "unsafe_split_with_sizes",
    "unsafe_chunk",
    "chunk",
    "unbind",
    "diagonal",
    "detach",
    "clone",
    "contiguous",
    "_to_copy",
    "to",
    "unfold",
    "as_strided",
    "flip",
    "roll",
    "rot90",
    "repeat",
    "index",
    "index_select",
    "gather",
    "take",
    "masked_select",
    "tril",
    "triu",
    "constant_pad_nd",
    "reflection_pad1d",
    "reflection_pad2d",
    "reflection_pad3d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
    "_pad_circular",
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
    "native_channel_shuffle",
    "im2col",
    "col2im",
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d",
    "_upsample_nearest_exact3d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_trilinear3d",
    "upsample_bicubic2d",
    "_upsample_bilinear2d_aa",
    "_upsample_bicubic2d_aa",
    "_upsample_lanczos2d_aa",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "mkldnn_adaptive_avg_pool2d",
    "mean",
    "sum",
    "nansum",
    "cumsum",
    "trace",
    "neg",
    "_neg_view",
    "conj",
    "_conj",
    "_conj_physical",
    "conj_physical",
    "resolve_conj",
    "resolve_neg",
    "real",
    "imag",
    "view_as_real",
    "view_as_complex",
    "_fft_r2c",
    "_fft_c2r",
    "_fft_c2c",
    "lift",
    "lift_fresh",
    "max_unpool2d",
    "max_unpool3d",
    "repeat_interleave",
    "diag_embed",
    "diag",
    "diff",
    "deg2rad",
    "rad2deg",
    "positive",
    "view_copy",
    "slice_copy",
    "select_copy",
    "expand_copy",
    "permute_copy",
    "transpose_copy",
    "split_copy",
    "split_with_sizes_copy",
    "unbind_copy",
    "unsqueeze_copy",
    "squeeze_copy",
    "as_strided_copy",
    "diagonal_copy",
    "alias_copy",
    "t_copy",
    "detach_copy",
    "unfold_copy",
    "values_copy",
    "_sparse_sum",
    "to_dense",
    "_to_dense",
    "cudnn_affine_grid_generator",
]

IN_ARGUMENTS = {
    "linear": ("input",),
    "_convolution": ("input", "bias"),
    "add": ("self", "other"),
    "sub": ("self", "other"),
    "rsub": ("self", "other"),
    "mul": ("self",),
    "div": ("self",),
    "cat": ("tensors",),
    "stack": ("tensors",),
    "block_diag": ("tensors",),
    "complex": ("real", "imag"),
    "masked_fill": ("self", "value"),
    "masked_scatter": ("self", "source"),
    "where": ("self", "other"),
    "index_put": ("self", "values"),
    "_unsafe_index": ("self",),
    "_unsafe_index_put": ("self", "values"),
    "index_add": ("self", "source"),
    "index_copy": ("self", "source"),
    "index_fill": ("self", "value"),
    "put": ("self", "source"),
    "scatter": ("self", "src"),
    "scatter_add": ("self", "src"),
    "slice_scatter": ("self", "src"),
    "select_scatter": ("self", "src"),
    "diagonal_scatter": ("self", "src"),
    "as_strided_scatter": ("self", "src"),
    "fill": ("self", "value"),
    "lerp": ("self", "end"),
    "addcmul": ("self", "tensor1"),
    "addcdiv": ("self", "tensor1"),
    "native_dropout": ("input",),
    "convolution_overrideable": ("input", "bias"),
    "grid_sampler_2d": ("input",),
    "grid_sampler_3d": ("input",),
    "affine_grid_generator": ("theta",),
    "_trilinear": ("i1",),
    "torchvision::deform_conv2d": ("input", "bias"),
    "torchvision::roi_align": ("input",),
    "torchvision::ps_roi_align": ("input",),
    "ldexp": ("self",),
    "kron": ("self",),
    "tensordot": ("self",),
    "linalg_solve_ex": ("B",),
    "_linalg_solve_ex": ("B",),
    "linalg_solve_triangular": ("B",),
    "cholesky_solve": ("self",),
    "linalg_lu_solve": ("B",),
}


@register("linear", IN_SELF, arguments=("self", "input", "fill_value_"))
def linear(call: Call) -> Pair:
    """F is affine in what moves: dF = F'(dx), so autograd's gradient is already exact."""
    return call.value(), call.reference()


@register("linear", ["view"])
def view(call: Call) -> Pair:
    """A view; a copy where a rule's result lies in memory otherwise than the operation's own would."""
    (x, size), (x_ref, _) = call.values, call.references
    try:
        return call.value(), call.reference()
    except RuntimeError:
        with torch.no_grad():
            reference = x_ref.reshape(size)
        return x.reshape(size), reference


@register("linear", ["copy"])
def copy(call: Call) -> Pair:
    """What is written takes the place, shape and type of what was there."""

    def written(there: Tensor, source: Tensor) -> Tensor:
        return source.to(device=there.device, dtype=there.dtype).expand(there.shape)

    with torch.no_grad():
        reference = written(call.references[0], call.references[1])
    return written(call.values[0], call.values[1]), reference


for _name, _arguments in IN_ARGUMENTS.items():
    register("linear", [_name], _arguments)(linear)


class Convolution(torch.autograd.Function):
    """A convolution with a fixed kernel, which does not keep its input: only a kernel's gradient would need it."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, *options: Any) -> Tensor:
        ctx.shape, ctx.options = x.shape, options
        ctx.save_for_backward(weight)
        return torch.ops.aten.convolution(x, weight, bias, *options)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        like = g.new_empty(1).expand(ctx.shape)
        m, _, _ = torch.ops.aten.convolution_backward(g, like, weight, None, *ctx.options, [True, False, False])
        return (m, *(None,) * (2 + len(ctx.options)))


@register("linear", ["convolution"], {"input"})
def convolution(call: Call) -> Pair:
    """Linear in its input."""
    if call.values[0].is_contiguous() and call.values[0].device.type == "cpu" and not call.value_options:
        return Convolution.apply(*call.values), call.reference()
    return call.value(), call.reference()
