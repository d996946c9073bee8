"""Every rule: completeness, finiteness over float32's range, the limit to the gradient, float32 against float64."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.attribution.properties import Function, assert_complete, images, multiplier

SMOOTH: dict[str, Function] = {
    name: getattr(F, name, None) or getattr(torch, name)
    for name in [
        "gelu",
        "silu",
        "mish",
        "elu",
        "celu",
        "selu",
        "softplus",
        "logsigmoid",
        "softsign",
        "sigmoid",
        "tanh",
        "sin",
        "cos",
        "erf",
        "erfc",
        "exp",
        "expm1",
        "square",
        "atan",
        "sinh",
        "cosh",
        "asinh",
        "sinc",
        "exp2",
    ]
} | {
    "cube": lambda x: x**3,
    "power 16": lambda x: (x / 4) ** 16,
    "power 0": lambda x: x**0 * x,
    "gelu tanh": lambda x: F.gelu(x, approximate="tanh"),
    "softplus 2": lambda x: F.softplus(x, 2.0),
}

PIECEWISE: dict[str, Function] = {
    name: getattr(F, name)
    for name in ["relu", "relu6", "leaky_relu", "hardtanh", "hardswish", "hardsigmoid", "softshrink"]
} | {
    "abs": torch.abs,
    "clamp": lambda x: x.clamp(-0.5, 0.7),
    "clamp min": lambda x: x.clamp(min=0.1),
    "clamp max": lambda x: x.clamp_max(0.1),
    "prelu": lambda x: F.prelu(x, torch.tensor([0.3], dtype=x.dtype)),
    "rrelu": lambda x: F.rrelu(x, 0.1, 0.3),
    "where": lambda x: torch.where(x > 0.2, x, 0.2 + 3 * (x - 0.2)),
    "mask": lambda x: (x > 0).to(x.dtype) * x,
}

POSITIVE: dict[str, Function] = {
    "log": torch.log, "log1p": torch.log1p, "log2": torch.log2, "log10": torch.log10, "sqrt": torch.sqrt,
    "rsqrt": torch.rsqrt, "reciprocal": torch.reciprocal, "pow 1.7": lambda x: x**1.7, "pow -0.3": lambda x: x**-0.3,
    "pow 3": lambda x: x**3, "pow -2": lambda x: x**-2, "pow 0.5": lambda x: x**0.5, "pow -1": lambda x: x**-1,
    "pow 2.4": lambda x: x**2.4, "pow -0.5": lambda x: x**-0.5, "pow -6": lambda x: (1 + x) ** -6,
    "pow 20": lambda x: (1 + x / 100) ** 20, "rpow 300": lambda x: 300 ** (x / 50),
    "rdiv": lambda x: 2 / x, "rpow": lambda x: 0.6**x,
}  # fmt: skip

JOINT: dict[str, Function] = {
    "product": lambda x: x * x.flip(-1),
    "matmul": lambda x: x @ x.mT,
    "bmm": lambda x: torch.bmm(x[:, 0], x[:, 1].mT),
    "einsum": lambda x: torch.einsum("bchw,bchv->bcwv", x, x.sin()),
    "convolution with a data-made kernel": lambda x: F.conv2d(x, x[:1, :, :2, :2]),
    "quotient": lambda x: x / (x.flip(-1).square() + 0.1),
    "softmax": lambda x: torch.softmax(x, -1) * x,
    "log softmax": lambda x: F.log_softmax(x, 1),
    "logsumexp": lambda x: torch.logsumexp(x, (1, 2)),
    "attention": lambda x: F.scaled_dot_product_attention(x, x.flip(-2), 2 * x),
    "layer norm": lambda x: F.layer_norm(x, x.shape[-2:]),
    "group norm": lambda x: F.group_norm(x, 1),
    "instance norm": lambda x: F.instance_norm(x),
    "rms norm": lambda x: F.rms_norm(x, x.shape[-1:]),
    "normalize": lambda x: F.normalize(x, dim=1),
    "cosine": lambda x: F.cosine_similarity(x, x.flip(-1), dim=1),
    "norm": lambda x: x.norm(dim=1),
    "norm 1": lambda x: x.norm(1, dim=1),
    "norm inf": lambda x: x.norm(float("inf"), dim=1),
    "var": lambda x: x.var((2, 3)),
    "std": lambda x: x.std(1),
    "var mean": lambda x: torch.var_mean(x, 1)[0] + torch.var_mean(x, 1)[1],
    "max": lambda x: x.max(-1)[0] + x.max() + x.amax((1, 2, 3)).sum(),
    "min": lambda x: x.min(-1)[0] + x.min() + x.amin((1, 2, 3)).sum(),
    "maximum": lambda x: torch.maximum(x, x.flip(-1)) - torch.minimum(x, x.flip(-2)),
    "max pool": lambda x: F.max_pool2d(x, 2),
    "adaptive max pool": lambda x: F.adaptive_max_pool2d(x, 3),
    "max pool 1d": lambda x: F.max_pool1d(x.flatten(2), 3),
    "data-made bounds": lambda x: x.clamp(x.amin(-1, True) * 0.5, x.amax(-1, True) * 0.5),
    "glu": lambda x: F.glu(x, -1),
    "prod": lambda x: x.prod(-1),
    "atan2": lambda x: torch.atan2(x, x.flip(-1) + 3),
    "hypot": lambda x: torch.hypot(x, x.flip(-1) + 3),
    "logaddexp": lambda x: torch.logaddexp(x, x.flip(-1)),
    "sort": lambda x: x.sort(-1)[0] * x,
    "top k": lambda x: x.topk(2, -1)[0],
    "index": lambda x: x.gather(-1, x.argsort(-1).flip(-1)),
    "warp": lambda x: F.grid_sample(x, torch.tanh(x[:, :2].permute(0, 2, 3, 1)), align_corners=False),
    "fft": lambda x: torch.fft.irfft2(torch.fft.rfft2(x) * torch.fft.rfft2(x.flip(-1))),
    "fft magnitude": lambda x: torch.fft.rfft2(x).abs(),
    "lerp": lambda x: torch.lerp(x, x.square(), x.flip(-1)),
    "addcmul": lambda x: torch.addcmul(x, x.exp(), x, value=0.5),
}  # fmt: skip


ALL = SMOOTH | PIECEWISE | JOINT


ELU_CANCELS = abs(float(torch.nn.functional.elu(torch.tensor(-1e-6))) / -1e-6 - 1) > 1e-3
"""Whether this release of PyTorch computes exp(x) - 1 as written, which is noise for small x; older ones do."""


@pytest.mark.parametrize("name", ALL)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), scale=st.sampled_from([1e-6, 1e-2, 1.0, 5.0]))
def test_complete(name: str, seed: int, scale: float) -> None:
    if name in ("elu", "celu", "selu") and ELU_CANCELS:
        assume(scale > 1e-3)
    x, x_ref = images(seed, scale)
    assert_complete(ALL[name], x, x_ref, 1e-10)
    assert_complete(ALL[name], x.float(), x_ref.float(), 1e-5)


@pytest.mark.parametrize("name", POSITIVE)
@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10**6), power=st.floats(-4, 2))
def test_complete_on_positive_numbers(name: str, seed: int, power: float) -> None:
    x, x_ref = (t.abs() * 10**power + 1e-3 * 10**power for t in images(seed))
    assert_complete(POSITIVE[name], x, x_ref, 1e-10)
    assert_complete(POSITIVE[name], x.float(), x_ref.float(), 1e-5)


EXTREMES = [0.0, 1e-30, -1e-30, 1e-12, 1e-3, -1e-3, 1.0, -1.0, 88.0, -88.0, 1e3, -1e3, 1e4, -1e4]
BOUNDED = {
    k: v for k, v in ALL.items() if k not in ("exp", "expm1", "sinh", "cosh", "exp2", "einsum", "addcmul", "prod")
}


@pytest.mark.parametrize("name", BOUNDED)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_finite_over_the_range_of_float32(name: str, data: st.DataObject) -> None:
    """Values from 1e-30 to 1e4, zeros, equal streams, gaps of 1e3 between the streams' maxima."""
    drawn = data.draw(st.lists(st.sampled_from(EXTREMES), min_size=12, max_size=12))
    row = torch.tensor(drawn[:6]).expand(2, 3, 6, 6)
    other = row if data.draw(st.booleans()) else torch.tensor(drawn[6:]).expand(2, 3, 6, 6)
    pattern = torch.randint(0, 6, (6,), generator=torch.Generator().manual_seed(0))
    x, x_ref = row[..., pattern].contiguous(), other.contiguous()
    with torch.no_grad():
        plain = BOUNDED[name](x), BOUNDED[name](x_ref)
    if all(torch.isfinite(t).all() for t in plain):
        m, _ = multiplier(BOUNDED[name], x, x_ref)
        assert torch.isfinite(m).all()


DIFFERENTIABLE = {k: v for k, v in ALL.items() if k not in ("sort", "top k", "index", "warp", "mask")}


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_becomes_the_gradient(name: str) -> None:
    """As x' goes to x the multiplier goes to the gradient; at x' = x it is the gradient."""
    x, step = images(11)
    leaf = x.clone().requires_grad_()
    y = DIFFERENTIABLE[name](leaf)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    (gradient,) = torch.autograd.grad(y, leaf, weights)
    for size in (1e-7, 0.0):
        m, _ = multiplier(DIFFERENTIABLE[name], x, x + size * step, weights)
        torch.testing.assert_close(m, gradient, rtol=1e-4, atol=1e-4 * float(gradient.abs().max()))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_float32_agrees_with_float64(name: str) -> None:
    x, x_ref = images(5)
    x, x_ref = x.float(), x_ref.float()
    with torch.no_grad():
        shape = DIFFERENTIABLE[name](x).shape
    weights = torch.randn(shape, generator=torch.Generator().manual_seed(2))
    m32, _ = multiplier(DIFFERENTIABLE[name], x, x_ref, weights)
    m64, _ = multiplier(DIFFERENTIABLE[name], x.double(), x_ref.double(), weights)
    torch.testing.assert_close(m32.double(), m64, rtol=1e-3, atol=2e-4 * float(m64.abs().max()))


def test_softmax_with_maxima_far_apart() -> None:
    """Two rows whose maxima lie 1e3 apart, and a mask of -inf in both streams."""
    x = torch.tensor([0.0, 1e3, -5.0, float("-inf")])
    x_ref = torch.tensor([1e3, 0.0, -5.0, float("-inf")])
    mask = torch.tensor([0.0, 0.0, 0.0, float("-inf")])
    f = lambda t: torch.softmax(t + mask, -1)  # noqa: E731
    x, x_ref = x.nan_to_num(neginf=1.0).view(1, 1, 1, 4), x_ref.nan_to_num(neginf=2.0).view(1, 1, 1, 4)
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0]).view(1, 1, 1, 4)
    m, change = multiplier(f, x, x_ref, weights)
    assert torch.isfinite(m).all()
    torch.testing.assert_close((m * (x - x_ref)).sum(), (change * weights).sum(), rtol=1e-5, atol=1e-6)


def test_softmax_ignores_a_shift_of_its_logits() -> None:
    x, x_ref = images(2)
    m, _ = multiplier(lambda t: torch.softmax(t, -1), x, x_ref, torch.randn(2, 3, 6, 6, dtype=torch.float64))
    torch.testing.assert_close(m.sum(-1), torch.zeros(2, 3, 6, dtype=torch.float64), rtol=0, atol=1e-12)


def test_normalize_of_a_zero_row() -> None:
    """|x| = 0 in one stream: 1/max(|x|, eps) is 1e12 there, and nothing of it may show."""
    x = torch.zeros(1, 3, 2, 2)
    x_ref = torch.rand(1, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    m, change = multiplier(lambda t: F.normalize(t, dim=1), x, x_ref)
    assert float(m.abs().max()) < 1e3
    torch.testing.assert_close((m * (x - x_ref)).sum(), change.sum(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("norm", ["layer norm", "group norm", "instance norm", "rms norm", "normalize"])
def test_a_flat_image_in_one_stream(norm: str) -> None:
    """A black or constant reference has no deviation: 1/sqrt(eps) is large there, and nothing of it may show."""
    x, _ = images(1)
    for flat in (torch.zeros_like(x), torch.full_like(x, 0.5)):
        assert_complete(JOINT[norm], x.float(), flat.float(), 1e-5)
        m, _ = multiplier(JOINT[norm], x.float(), flat.float())
        # an RMS norm taken apart by PyTorch is a plain product, whose even split shows it; the sum stays
        assert norm == "rms norm" or float(m.abs().max()) < 50


def test_the_maximum_gives_multipliers_between_0_and_1() -> None:
    x, x_ref = images(4)
    for f in (lambda t: t.amax(-1), lambda t: F.max_pool2d(t, 2), lambda t: t.max(-1)[0]):
        m, _ = multiplier(f, x, x_ref)
        assert float(m.min()) >= 0
        assert float(m.max()) <= 1


def test_the_product_is_split_evenly() -> None:
    """Shapley's split of a b: a gets (b + b')/2."""
    a, b = torch.tensor([3.0, 1.0], dtype=torch.float64), torch.tensor([1.0, -2.0], dtype=torch.float64)
    m, _ = multiplier(lambda t: t[..., 0] * t[..., 1], a.view(1, 1, 1, 2), b.view(1, 1, 1, 2))
    assert m.flatten().tolist() == [-0.5, 2.0]
