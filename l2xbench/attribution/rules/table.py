"""The table of treatments: what happens to each ATen operation whose tensors carry a difference.

A line gives operations their treatments in order of precedence: the first whose arguments and condition fit a call is
taken. An operation stands in one line only. What stands in none is taken apart where PyTorch itself writes it by other
operations, and else falls under `UNLISTED`: nothing is linear because it is unknown.

A name is that of an ATen operation without its overload (`pow`, `torchvision::roi_align`); in `CALLS`, that of a
function of PyTorch which is followed whole.
"""

from __future__ import annotations

from dataclasses import dataclass

from l2xbench.attribution.rules import (
    composed,
    distances,
    integral,
    linear,
    maxima,
    normalization,
    piecewise,
    products,
    quadrature,
    quantized,
    sampling,
    selection,
    smooth,
    softmax,
)
from l2xbench.attribution.rules.treatment import Treatment, imaginary, real, special


@dataclass(frozen=True, slots=True)
class Row:
    """One operation's line of the table.

    `treatments` in order of precedence. `takes_truths`: where an argument is a truth or an integer that differs between
    the streams, it is put in as a number with multipliers. `keeps_integers`: what it does to integers is what it does
    to numbers, so that a number made of its integer result can be made of its arguments.
    """

    name: str
    treatments: tuple[Treatment, ...]
    takes_truths: bool = False
    keeps_integers: bool = False


TAKES_TRUTHS = """
    add sub rsub mul div mean sum _to_copy convolution lerp addcmul addcdiv pow atan2 hypot xlogy special_xlog1py ldexp
    maximum minimum fmax fmin fmod remainder floor_divide copysign cat stack where masked_fill copy
"""
KEEPS_INTEGERS = """
    add sub rsub mul neg clamp clamp_min clamp_max maximum minimum sum amax amin view unsqueeze squeeze expand select
    slice permute transpose t clone alias _unsafe_view repeat flip roll
"""


def on(names: str, *treatments: Treatment) -> list[Row]:
    """A line of the table: operations, and their treatments in order of precedence."""
    truths, integers = TAKES_TRUTHS.split(), KEEPS_INTEGERS.split()
    return [Row(name, treatments, name in truths, name in integers) for name in names.split()]


LINEAR = linear.linear
OF_SELF = LINEAR.only("self")
OF_INPUT = LINEAR.only("input")
MASK = "a mask, or indices made of one, that differs"
READ = selection.read_or_write
REAL = real
COMPLEX = smooth.complex_chord.only("self", when=imaginary)
CHORD = (smooth.by_chord.only("self", when=REAL),)
QUADRATURE = (quadrature.elementwise_by_quadrature.only(when=REAL),)
STEP = (selection.step.only("self"),)
STEP_OF_SEVERAL = (*STEP, *QUADRATURE)
SHAPE_ONLY = (Treatment("shape only", formula="the same in both streams"),)
FILLED = (Treatment("shape only", formula="drawn once, the same in both streams"),)

UNLISTED = (selection.comparison, selection.choice, integral.line_integral)
"""What happens to operations in no line: where the result has no derivative, where only discrete arguments (indices,
masks) differ, and to all others."""

LINES: list[list[Row]] = [
    # views, and copies in another order
    on(
        """
        alias _unsafe_view _reshape_alias permute transpose t expand squeeze unsqueeze slice select split
        split_with_sizes unsafe_split unsafe_split_with_sizes unbind diagonal unfold as_strided clone _to_copy
        flip roll rot90 repeat tril triu diag_embed lift lift_fresh _neg_view _conj _conj_physical conj_physical
        view_as_real view_as_complex view_copy slice_copy select_copy expand_copy permute_copy transpose_copy
        split_copy split_with_sizes_copy unbind_copy unsqueeze_copy squeeze_copy as_strided_copy diagonal_copy
        alias_copy t_copy detach_copy unfold_copy values_copy _to_dense
        """,
        OF_SELF,
    ),
    on("view", linear.view),
    on("copy", linear.copy),
    on("detach detach_", special("detach", "dy = dx: the gradient would stop here, the difference does not")),
    on("set_", special("assignment", "a view of what it is set to")),
    # padding, sizes, sampling at fixed places
    on(
        """
        constant_pad_nd reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d
        replication_pad3d pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im upsample_nearest1d
        upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d
        _upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d
        _upsample_bilinear2d_aa _upsample_bicubic2d_aa _upsample_lanczos2d_aa avg_pool1d avg_pool2d avg_pool3d
        _adaptive_avg_pool2d _adaptive_avg_pool3d adaptive_avg_pool1d adaptive_avg_pool2d
        mkldnn_adaptive_avg_pool2d
        """,
        OF_SELF,
    ),
    on("affine_grid_generator cudnn_affine_grid_generator", LINEAR.only("theta")),
    on("torchvision::roi_align torchvision::ps_roi_align", OF_INPUT),
    on("grid_sampler_2d grid_sampler_3d", OF_INPUT, sampling.grid_sample),
    on("cudnn_grid_sampler", OF_SELF, sampling.grid_sample),
    on(
        "torchvision::deform_conv2d",
        LINEAR.only("input", "bias"),
        sampling.deformable_convolution.only("input", "offset", "mask"),
    ),
    # sums
    on("sum mean nansum cumsum trace neg deg2rad rad2deg _sparse_sum", OF_SELF),
    on("_fft_r2c _fft_c2r _fft_c2c", OF_SELF),
    on("add sub rsub", LINEAR.only("self", "other")),
    on("cat stack block_diag", LINEAR.only("tensors")),
    on("complex", LINEAR.only("real", "imag")),
    on("fill", LINEAR.only("self", "value")),
    on("native_dropout", OF_INPUT),
    # products
    on("mul", OF_SELF, LINEAR.only("other"), products.product),
    on(
        "div",
        OF_SELF.only(when=products.unrounded),
        products.quotient.only(when=products.unrounded),
        *STEP,
        *QUADRATURE,
    ),
    on("mm bmm", OF_SELF, LINEAR.only("mat2"), products.matrix_product),
    on("mv", OF_SELF, LINEAR.only("vec"), integral.midpoint),
    on("dot", OF_SELF, LINEAR.only("tensor"), integral.midpoint),
    on("vdot linalg_cross", OF_SELF, LINEAR.only("other"), integral.midpoint),
    on("addmm", LINEAR.only("self", "mat1"), LINEAR.only("self", "mat2"), integral.midpoint),
    on("baddbmm addbmm", LINEAR.only("self", "batch1"), LINEAR.only("self", "batch2"), integral.midpoint),
    on("addmv", LINEAR.only("self", "mat"), LINEAR.only("self", "vec"), integral.midpoint),
    on("addr", LINEAR.only("self", "vec1"), LINEAR.only("self", "vec2"), integral.midpoint),
    on("addcmul", LINEAR.only("self", "tensor1"), LINEAR.only("self", "tensor2"), integral.midpoint),
    on("addcdiv", LINEAR.only("self", "tensor1"), *QUADRATURE),
    on("lerp", LINEAR.only("self", "end"), integral.midpoint),
    on("_trilinear", LINEAR.only("i1"), LINEAR.only("i2"), LINEAR.only("i3"), integral.midpoint),
    on(
        "convolution",
        linear.convolution.only("input"),
        LINEAR.only("input", "bias"),
        LINEAR.only("weight", "bias"),
        integral.midpoint,
    ),
    on(
        "_convolution convolution_overrideable",
        LINEAR.only("input", "bias"),
        LINEAR.only("weight", "bias"),
        integral.midpoint,
    ),
    on("mse_loss", integral.midpoint),
    on("ldexp", OF_SELF),
    on("_linalg_solve_ex linalg_solve_triangular linalg_lu_solve", LINEAR.only("B")),
    on("cholesky_solve", OF_SELF),
    on("prod", composed.prod.own()),
    on("polar", composed.polar),
    on("linalg_inv_ex", products.inverse),
    on("_euclidean_dist", distances.euclidean_distance),
    on("_cdist_forward", distances.euclidean_distance.only(when=distances.euclidean), distances.distance.own()),
    # piecewise linear functions
    on("relu", piecewise.relu),
    on("leaky_relu", piecewise.leaky_relu),
    on("_prelu_kernel", piecewise.prelu.only("self")),
    on("rrelu_with_noise rrelu_with_noise_", special("rrelu", "a leaky ReLU with the mean slope")),
    on("hardtanh", piecewise.clamp.only("self")),
    on("clamp", piecewise.clamp.only("self"), composed.clamp),
    on("clamp_min", piecewise.clamp_min.only("self"), composed.clamp_min),
    on("clamp_max", piecewise.clamp_max.only("self"), composed.clamp_max),
    on("abs", piecewise.absolute),
    on("hardsigmoid", piecewise.hardsigmoid),
    on("hardswish", piecewise.hardswish),
    on("softshrink", piecewise.softshrink),
    on("maximum fmax", maxima.maximum),
    on("minimum fmin", maxima.minimum),
    # smooth functions
    on(
        "pow",
        smooth.polynomial_power.only("self", when=smooth.whole_power),
        smooth.root_power.only("self", when=smooth.root),
        smooth.exponential.only("exponent", when=smooth.positive_base),
        COMPLEX,
        *QUADRATURE,
    ),
    on("sqrt", smooth.sqrt.only(when=REAL), COMPLEX),
    on("rsqrt", smooth.rsqrt.only(when=REAL), COMPLEX),
    on("reciprocal", smooth.reciprocal.only(when=REAL), COMPLEX),
    on("exp", smooth.exp.only(when=REAL), COMPLEX),
    on("log log2 log10", smooth.log.only(when=REAL), COMPLEX),
    on("log1p", smooth.log1p.only(when=REAL), COMPLEX),
    on("sigmoid", smooth.sigmoid.only(when=REAL), COMPLEX),
    on("tanh", smooth.tanh.only(when=REAL), COMPLEX),
    on("silu", smooth.silu.only(when=REAL), composed.silu.own()),
    on("elu celu", smooth.elu),
    on("gelu", smooth.gelu),
    on("log_sigmoid_forward", smooth.log_sigmoid),
    on("glu", composed.glu.own()),
    on("angle", quadrature.elementwise_by_quadrature),
    on(
        """
        mish softplus erf erfc erfinv exp2 sinc
        logit lgamma digamma i0 special_i0e special_i1 special_i1e special_erfcx special_ndtri special_log_ndtr
        special_entr special_bessel_j0 special_bessel_j1 frac
        """,
        *CHORD,
    ),
    on("sin cos tan asin acos atan sinh cosh asinh acosh atanh expm1", *CHORD, COMPLEX),
    on("atan2 hypot logaddexp logaddexp2 xlogy special_xlog1py copysign nan_to_num", *QUADRATURE),
    on("polygamma special_zeta igamma igammac", *QUADRATURE),
    on(
        "smooth_l1_loss huber_loss binary_cross_entropy_with_logits",
        quadrature.elementwise_by_quadrature.only(when=quadrature.unreduced),
    ),
    on("soft_margin_loss", quadrature.elementwise_by_quadrature.only("self", when=quadrature.unreduced)),
    # softmax, norms
    on("_softmax _safe_softmax", softmax.softmax),
    on("logsumexp", softmax.logsumexp),
    on("_log_softmax", softmax.log_softmax.own()),
    on(
        """
        _scaled_dot_product_flash_attention_for_cpu _scaled_dot_product_flash_attention
        _scaled_dot_product_efficient_attention _scaled_dot_product_cudnn_attention
        _scaled_dot_product_fused_attention_overrideable
        """,
        special("attention", "taken apart into products and a softmax"),
    ),
    on("_fused_sdp_choice", special("attention kernel", "attention is taken apart")),
    on("native_layer_norm", normalization.layer_norm.only("input")),
    on("native_group_norm", normalization.group_norm.only("input").own()),
    on(
        """
        native_batch_norm _native_batch_norm_legit _native_batch_norm_legit_no_training cudnn_batch_norm
        miopen_batch_norm _batch_norm_no_update _batch_norm_with_update
        """,
        normalization.batch_norm.only("input", "weight", "bias"),
    ),
    on("_fused_rms_norm", normalization.rms_norm.only("input").own()),
    on("linalg_vector_norm norm", normalization.euclidean_norm.only(when=normalization.euclidean), composed.norm.own()),
    on("var", normalization.variance.own().only(when=REAL), composed.variance.own()),
    on("std", normalization.variance.own().only(when=REAL), composed.deviation.own()),
    on("var_mean std_mean", normalization.variance.own().only(when=REAL)),
    # maxima
    on("amax amin", maxima.extremum_over_axes),
    on("max min", maxima.extremum),
    on("aminmax", maxima.both_extrema),
    on(
        """
        max_pool2d_with_indices max_pool3d_with_indices adaptive_max_pool2d adaptive_max_pool3d
        fractional_max_pool2d fractional_max_pool3d
        """,
        maxima.max_pool.only("self"),
    ),
    # reading and writing at places
    on("index", special("ragged read", "at all places that either stream selects", MASK), OF_SELF, READ),
    on("masked_select", special("ragged masked read", "as index", MASK), OF_SELF),
    on("_unsafe_index index_select gather take", OF_SELF, READ),
    on("embedding", READ),
    on("index_put", special("ragged write", "each stream where it selects", MASK), LINEAR.only("self", "values"), READ),
    on("_unsafe_index_put", LINEAR.only("self", "values"), READ),
    on(
        "index_add index_copy",
        special("ragged write along an axis", "each stream where it selects", MASK),
        LINEAR.only("self", "source"),
        READ,
    ),
    on("masked_scatter", special("ragged masked write", "as index_put", MASK), LINEAR.only("self", "source"), READ),
    on("put", LINEAR.only("self", "source"), READ),
    on("index_fill", LINEAR.only("self", "value"), READ),
    on("scatter scatter_add", LINEAR.only("self", "src"), READ),
    on("scatter_reduce", READ),
    on("max_unpool2d max_unpool3d", OF_SELF, READ),
    on("slice_scatter select_scatter diagonal_scatter as_strided_scatter", LINEAR.only("self", "src")),
    on("sort topk kthvalue median nanmedian mode cummax cummin", selection.order),
    on("nonzero", special("ragged places", "all places that either stream selects")),
    on("where", LINEAR.only("self", "other"), selection.where),
    on("masked_fill", LINEAR.only("self", "value"), selection.masked_fill),
    # quantised numbers
    on(
        """
        fake_quantize_per_tensor_affine_cachemask _fake_quantize_per_tensor_affine_cachemask_tensor_qparams
        fake_quantize_per_channel_affine_cachemask _fake_quantize_learnable_per_tensor_affine
        _fake_quantize_learnable_per_channel_affine
        """,
        quantized.fake_quantize,
    ),
    on("_fused_moving_avg_obs_fq_helper", special("fake quantisation", "dy/dx; each stream with ranges of its own")),
    on("quantized::linear_dynamic quantized::linear_relu_dynamic", quantized.dynamic_linear.only("X")),
    # jumps
    on("floor ceil round trunc sign threshold hardshrink", *STEP),
    on("sgn", selection.step.only("self", when=REAL), composed.sgn.own()),
    on("heaviside", *STEP, composed.heaviside),
    on("bernoulli poisson", selection.drawn.only("self")),
    on("normal", selection.drawn.only("mean")),
    on("fmod remainder floor_divide", *STEP_OF_SEVERAL),
    on("gt lt ge le eq ne", selection.comparison),
    on("_local_scalar_dense", special("number", "the value stream's number, in both; one that differs is reported")),
    # what takes no content
    on(
        """
        zeros_like ones_like empty_like full_like rand_like randn_like randint_like new_empty new_zeros new_ones
        new_full new_empty_strided is_same_size empty_permuted
        """,
        *SHAPE_ONLY,
    ),
    on("normal_ uniform_ random_ bernoulli_ exponential_ geometric_ cauchy_ log_normal_", *FILLED),
]

CALLS: list[list[Row]] = [
    on("linear", OF_INPUT),
    on("matmul", products.matrix_product.only("self", "other", when=products.alike)),
    on("normalize", normalization.normalize.only("input", when=normalization.of_the_two_norm)),
]
"""Functions of PyTorch that are followed whole where a treatment fits: fewer steps, and fewer passes over memory, than
by their parts."""

REFUSED = ("numpy", "tolist", "data_ptr", "untyped_storage", "storage", "__array__", "__dlpack__", "__reduce_ex__")
"""Methods of a tensor that take it out of PyTorch, where its reference cannot follow."""


def by_name(lines: list[list[Row]]) -> dict[str, Row]:
    """The rows by name; an operation in two lines, of which the second would never be read, is an error."""
    found: dict[str, Row] = {}
    for row in (row for line in lines for row in line):
        if row.name in found:
            raise ValueError(f"{row.name} stands in two lines of the table of treatments")
        found[row.name] = row
    return found


TABLE = by_name(LINES)
CALL_TABLE = by_name(CALLS)
