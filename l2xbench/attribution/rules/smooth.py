"""Smooth elementwise functions: their chord slope dy/dx in a form that does not cancel, else by `chord`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from l2xbench.attribution.rules.piecewise import Elementwise, elementwise, ramp, writing
from l2xbench.attribution.rules.registry import Call, Pair, chord, register, rule


def shrink(u: Tensor) -> Tensor:
    """(1 - e^-u) / u for u >= 0, which is 1 at 0 and 0 at infinity."""
    u = u.clamp_min(torch.finfo(u.dtype).tiny)
    return torch.expm1(-u).neg_().div_(u)


def sigmoid_slope(x: Tensor, x_ref: Tensor) -> Tensor:
    """s(a) s(-b) (1 - e^-u)/u with a = max(x, x'), b = min(x, x'), u = a - b."""
    high, low = torch.maximum(x, x_ref), torch.minimum(x, x_ref)
    return torch.sigmoid(high).mul_(torch.sigmoid(-low)).mul_(shrink(high - low))


@rule("sigmoid")
def sigmoid(call: Call) -> Pair:
    """1 / (1 + e^-x): see `sigmoid_slope`."""
    return elementwise(call, lambda x, x_ref, y, y_ref: sigmoid_slope(x, x_ref))


@rule("tanh")
def tanh(call: Call) -> Pair:
    """2 s(2x) - 1."""
    return elementwise(call, lambda x, x_ref, y, y_ref: sigmoid_slope(2 * x, 2 * x_ref).mul_(4))


@rule("silu")
def silu(call: Call) -> Pair:
    """x s(x): dy = ((s + s')/2) dx + ((x + x')/2) ds."""

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        gate = torch.lerp(torch.sigmoid(x), torch.sigmoid(x_ref), 0.5)
        return gate.addcmul_(torch.lerp(x, x_ref, 0.5), sigmoid_slope(x, x_ref))

    return elementwise(call, slope)


@rule("exp")
def exp(call: Call) -> Pair:
    """The logarithmic mean L(e^x, e^x') = max(e^x, e^x') (1 - e^-u)/u, u = |x - x'| taken from the exponents."""
    return elementwise(call, lambda x, x_ref, y, y_ref: torch.maximum(y, y_ref) * shrink((x - x_ref).abs()))


@rule("elu", "celu", "selu")
def elu(call: Call) -> Pair:
    """p max(x, 0) + q (e^(r min(x, 0)) - 1): the ramp's slope, and the exponential's times that of min(x, 0)."""
    if call.name == "celu":
        alpha = call.argument(1, "alpha", 1.0)
        p, q, r = 1.0, alpha, 1 / alpha
    else:
        p, r = call.argument(2, "scale", 1.0), call.argument(3, "input_scale", 1.0)
        q = call.argument(1, "alpha", 1.0) * p

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        up = ramp(x, x_ref)
        low, low_ref = x.clamp_max(0).mul_(r), x_ref.clamp_max(0).mul_(r)
        mean = torch.maximum(low, low_ref).exp_() * shrink((low - low_ref).abs_())
        return (1 - up).mul_(mean).mul_(q * r).add_(up, alpha=p)

    return elementwise(call, slope)


def log_slope(x: Tensor, x_ref: Tensor) -> Tensor:
    """1 / L(x, x') = log1p(w) / (w min(x, x')), w = |x - x'| / min(x, x')."""
    low = torch.minimum(x, x_ref)
    w = (x - x_ref).abs_().div_(low).clamp_min_(torch.finfo(x.dtype).tiny)
    slope = torch.log1p(w).div_(w).div_(low)
    if bool(w.amax().isinf()):
        slope = torch.where(w.isinf(), (x.log() - x_ref.log()) / (x - x_ref), slope)
    return slope


LOGARITHMS = {"log": 1.0, "log2": 1.4426950408889634, "log10": 0.4342944819032518}


@rule(*LOGARITHMS)
def log(call: Call) -> Pair:
    """ln x, and its multiples."""
    return elementwise(call, lambda x, x_ref, y, y_ref: log_slope(x, x_ref) * LOGARITHMS[call.name])


@rule("log1p")
def log1p(call: Call) -> Pair:
    """ln(1 + x)."""
    return elementwise(call, lambda x, x_ref, y, y_ref: log_slope(1 + x, 1 + x_ref))


@rule("sqrt")
def sqrt(call: Call) -> Pair:
    """1 / (sqrt x + sqrt x')."""
    return elementwise(call, lambda x, x_ref, y, y_ref: 1 / (y + y_ref))


@rule("reciprocal")
def reciprocal(call: Call) -> Pair:
    """-1 / (x x') = -y y'."""
    return elementwise(call, lambda x, x_ref, y, y_ref: -y * y_ref)


@rule("rsqrt")
def rsqrt(call: Call) -> Pair:
    """-1 / (sqrt x sqrt x' (sqrt x + sqrt x')) = -y y' (y y' / (y + y'))."""
    return elementwise(call, lambda x, x_ref, y, y_ref: -y * y_ref * (y / (1 + y / y_ref)))


def power_slope(x: Tensor, x_ref: Tensor, p: float) -> Tensor | None:
    """The chord slope of x^p for the exponents that have a polynomial or rational form."""
    if p == 1:
        return torch.ones_like(x)
    if p == 2:
        return x + x_ref
    if p == 0.5:
        return 1 / (x.sqrt() + x_ref.sqrt())
    if p == -0.5:
        y, y_ref = x.rsqrt(), x_ref.rsqrt()
        return -y * y_ref * (y / (1 + y / y_ref))
    if (p == int(p) and 3 <= abs(p) <= 16) or p in (-1, -2):
        n = abs(int(p))
        total = x.new_zeros(x.shape)
        for i in range(n):
            total += x**i * x_ref ** (n - 1 - i)
        return total if p > 0 else -total / x**n / x_ref**n
    return None


@register("rule", ["pow"], {"self"})
def power(call: Call) -> Pair:
    """x^p: the sum of x^i x'^(p-1-i) for a whole p; sqrt and its inverse; any other p by `chord`."""
    p = call.values[1]
    x = call.values[0]
    if isinstance(p, Tensor) and p.numel() == 1:
        p = p.item()
    if isinstance(x, Tensor) and isinstance(p, (int, float)) and p != 0:

        def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
            closed = power_slope(x, x_ref, p)
            return scaled_chord(call, x, x_ref, y, y_ref) if closed is None else closed

        return elementwise(call, slope)
    return by_chord(call)


def derivative_of(f: Callable[[Tensor, None], Tensor]) -> Callable[[Tensor], Tensor]:
    """f' elementwise, by autograd."""

    def derivative(x: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            y = f(leaf, None)
            return torch.autograd.grad(y, leaf, torch.ones_like(y))[0] if y.requires_grad else torch.zeros_like(x)

    return derivative


def scaled_chord(call: Call, x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
    """The chord of a function without a scale of its own (a power): near is measured relative to x."""
    dx = x - x_ref
    near = dx.abs() <= (24 * torch.finfo(dx.dtype).eps) ** (1 / 3) * torch.minimum(x.abs(), x_ref.abs())
    slope = (y - y_ref) / dx
    if near.any():
        slope = torch.where(near, derivative_of(writing(call))((x + x_ref) / 2), slope)
    return slope


SMOOTH = [
    "gelu",
    "mish",
    "elu",
    "celu",
    "selu",
    "softplus",
    "log_sigmoid",
    "erf",
    "erfc",
    "erfinv",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "asinh",
    "acosh",
    "atanh",
    "exp2",
    "expm1",
    "sinc",
    "logit",
    "lgamma",
    "digamma",
    "i0",
    "special_i0e",
    "special_i1",
    "special_i1e",
    "special_erfcx",
    "special_ndtri",
    "special_log_ndtr",
    "special_entr",
    "softsign",
    "tanhshrink",
    "special_bessel_j0",
    "special_bessel_j1",
    "frac",
]


@rule("gelu")
def gelu(call: Call) -> Pair:
    """x Phi(x), by `chord`."""
    approximate = call.value_options.get("approximate", "none")

    def derivative(x: Tensor) -> Tensor:
        return torch.ops.aten.gelu_backward(torch.ones_like(x), x, approximate=approximate)

    return elementwise(call, lambda x, x_ref, y, y_ref: chord(x, x_ref, y, y_ref, derivative))


@register("rule", SMOOTH, {"self"})
def by_chord(call: Call) -> Pair:
    """dy/dx, and f' at the midpoint where dx is small."""
    moving = next(i for i, (a, b) in enumerate(zip(call.values, call.references, strict=True)) if a is not b)

    f = writing(call, moving)

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        return chord(x, x_ref, y, y_ref, derivative_of(f))

    return elementwise(call, slope, moving)


register("rule", ["pow"], {"exponent"})(by_chord)


@rule("log_sigmoid_forward")
def log_sigmoid(call: Call) -> Pair:
    """ln s(x), which ATen returns with a buffer of its own."""
    x, x_ref = call.values[0], call.references[0]

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        return chord(x, x_ref, y, y_ref, lambda mid: torch.sigmoid(-mid))

    def f(x: Tensor, out: Tensor | None) -> Tensor:
        y = torch.nn.functional.logsigmoid(x)
        return y if out is None else out.copy_(y)

    y, y_ref = Elementwise.apply(x, x_ref, f, slope)
    return (y, x.new_empty(0)), (y_ref, x.new_empty(0))
