"""Smooth elementwise functions of real numbers: their chord slope dy/dx in a form that does not cancel, or `chord`.

A new function is entered in `table.py` under `by_chord`; where its chord slope has a form of its own, that form is a
treatment here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair, absent
from l2xbench.attribution.rules.piecewise import Elementwise, elementwise, ramp, writing
from l2xbench.attribution.rules.questions import asked_at_once
from l2xbench.attribution.rules.treatment import IDENTITY, LOGARITHMIC_MEAN, closed_form, condition, real


def chord(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, derivative: Callable[[Tensor], Tensor]) -> Tensor:
    """dy/dx, blended into the derivative f' at the midpoint where the inputs are too close for a quotient:

    (q^2 dy/dx + f') / (q^2 + 1) with q = dx^2 / e. Since dy = f' dx + f3 dx^3/24 (f3 the third derivative) it is off
    by f3 dx^2/24 / (q^2 + 1), at most e f3/48 and nothing for a large dx; the quotient's rounding is damped below
    |dx| = sqrt(e). Both are of the order of dy's own rounding. (Choosing by `where` takes longer than all of this.)
    """
    unit = torch.finfo(x.dtype).eps ** (-1 / 3)
    u = (x - x_ref).mul_(unit)
    q = u * u
    slope = derivative(torch.lerp(x, x_ref, 0.5))
    slope.addcmul_((y - y_ref).mul_(u), q, value=unit)
    return slope.div_(torch.addcmul(q.new_ones(()), q, q))


def shrink(u: Tensor) -> Tensor:
    """(1 - e^-u) / u for u >= 0, which is 1 at 0 and 0 at infinity."""
    u = u.clamp_min(torch.finfo(u.dtype).tiny)
    return torch.expm1(-u).neg_().div_(u)


def sigmoid_slope(x: Tensor, x_ref: Tensor) -> Tensor:
    """s(a) s(-b) (1 - e^-u)/u with a = max(x, x'), b = min(x, x'), u = a - b."""
    high, low = torch.maximum(x, x_ref), torch.minimum(x, x_ref)
    return torch.sigmoid(high).mul_(torch.sigmoid(-low)).mul_(shrink(high - low))


@closed_form("s(a) s(-b) (1 - e^-u)/u: a = max(x, x'), b = min(x, x'), u = a - b")
def sigmoid(call: Call) -> Pair:
    """1 / (1 + e^-x): see `sigmoid_slope`."""
    return elementwise(call, lambda x, x_ref, y, y_ref: sigmoid_slope(x, x_ref))


@closed_form("4 times the sigmoid's at 2x")
def tanh(call: Call) -> Pair:
    """2 s(2x) - 1."""
    return elementwise(call, lambda x, x_ref, y, y_ref: sigmoid_slope(2 * x, 2 * x_ref).mul_(4))


@closed_form("(s + s')/2 + (x + x')/2 ds/dx, s the sigmoid")
def silu(call: Call) -> Pair:
    """x s(x): dy = ((s + s')/2) dx + ((x + x')/2) ds."""

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        gate = torch.lerp(torch.sigmoid(x), torch.sigmoid(x_ref), 0.5)
        return gate.addcmul_(torch.lerp(x, x_ref, 0.5), sigmoid_slope(x, x_ref))

    return elementwise(call, slope)


@closed_form("L(e^x, e^x') = max(e^x, e^x') (1 - e^-u)/u, u = |x - x'|", LOGARITHMIC_MEAN)
def exp(call: Call) -> Pair:
    """The logarithmic mean L(e^x, e^x') = max(e^x, e^x') (1 - e^-u)/u, u = |x - x'| taken from the exponents."""
    return elementwise(call, lambda x, x_ref, y, y_ref: torch.maximum(y, y_ref) * shrink((x - x_ref).abs()))


@closed_form("p ramp(x, x') + q r (1 - ramp(x, x')) L(e^(r min(x, 0)), e^(r min(x', 0)))", LOGARITHMIC_MEAN)
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
    if not asked_at_once() or math.isinf(w.amax().item()):
        slope = torch.where(w.isinf(), (x.log() - x_ref.log()) / (x - x_ref), slope)
    return slope


LOGARITHMS = {"log": 1.0, "log2": 1.4426950408889634, "log10": 0.4342944819032518}
"""A logarithm -> what it is of the natural one."""


@closed_form(
    "1 / L(x, x') = log1p(w) / (w min(x, x')), w = |x - x'| / min(x, x'), times 1/ln of the base", LOGARITHMIC_MEAN
)
def log(call: Call) -> Pair:
    """ln x, and its multiples."""
    return elementwise(call, lambda x, x_ref, y, y_ref: log_slope(x, x_ref) * LOGARITHMS[call.name])


@closed_form("1 / L(1 + x, 1 + x')", LOGARITHMIC_MEAN)
def log1p(call: Call) -> Pair:
    """ln(1 + x)."""
    return elementwise(call, lambda x, x_ref, y, y_ref: log_slope(1 + x, 1 + x_ref))


@closed_form("1 / (sqrt x + sqrt x')", IDENTITY)
def sqrt(call: Call) -> Pair:
    """The square root; see `finite_inverse`."""
    return elementwise(call, lambda x, x_ref, y, y_ref: finite_inverse(y + y_ref))


def finite_inverse(total: Tensor) -> Tensor:
    """1 / total, and 0 where that is 0: a root's gradient at 0 is infinite, but where it is 0 in both streams there is
    no difference to be explained.
    """
    return total.reciprocal_().nan_to_num_(nan=math.nan, posinf=0.0)


@closed_form("-1 / (x x')", IDENTITY)
def reciprocal(call: Call) -> Pair:
    """1 / x."""
    return elementwise(call, lambda x, x_ref, y, y_ref: -y * y_ref)


@closed_form("-1 / (sqrt x sqrt x' (sqrt x + sqrt x'))", IDENTITY)
def rsqrt(call: Call) -> Pair:
    """1 / sqrt x: -y y' (y y' / (y + y'))."""
    return elementwise(call, lambda x, x_ref, y, y_ref: -y * y_ref * (y / (1 + y / y_ref)))


LARGEST_POWER = 16


def number(argument: Any) -> float | None:
    """A plain number among a call's arguments, also as a tensor without axes that the host can read at no cost."""
    if isinstance(argument, Tensor):
        argument = argument.item() if argument.dim() == 0 and argument.device.type == "cpu" else None
    return argument if isinstance(argument, (int, float)) and math.isfinite(argument) else None


@condition(f"real x, a whole exponent from -{LARGEST_POWER} to {LARGEST_POWER}")
def whole_power(call: Call) -> bool:
    """Whether the polynomial form holds."""
    p = number(call.values[1])
    return p is not None and p == int(p) and abs(p) <= LARGEST_POWER and real.test(call)


@condition("x >= 0, an exponent that is not whole")
def root(call: Call) -> bool:
    """Whether the exponent is a number that is not whole: then the network itself allows no negative x."""
    p = number(call.values[1])
    return p is not None and p != int(p) and real.test(call)


@condition("a base that is a number above 0")
def positive_base(call: Call) -> bool:
    """Whether the base of a power whose exponent moves is one positive number."""
    base = number(call.values[0])
    return base is not None and base > 0 and not call.values[1].is_complex()


@closed_form("x^(p-1) + x^(p-2) x' + ... + x'^(p-1), x + x' for the square; for p < 0 that of -p times -y y'", IDENTITY)
def polynomial_power(call: Call) -> Pair:
    """x^p for a whole p."""
    n = abs(int(call.values[1]))
    inverse = call.values[1] < 0

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        if n == 2 and not inverse:
            return x + x_ref
        total, power = torch.ones_like(x) if n else torch.zeros_like(x), x_ref
        for i in range(1, n):
            total.mul_(x).add_(power)
            power = power if i == n - 1 else power * x_ref
        return total.mul_(y).mul_(y_ref).neg_() if inverse else total

    return elementwise(call, slope)


@closed_form("h^(p-1) (1 - (1 - v)^p) / v, h = max(x, x'), v = |x - x'| / h, the power as e^(p ln(1 - v))", IDENTITY)
def root_power(call: Call) -> Pair:
    """x^p for any p and x >= 0; 0 where x = x' = 0, where no difference is to be explained and the gradient of a root
    is infinite.
    """
    p = float(call.values[1])

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        if p == 0.5:
            return finite_inverse(y + y_ref)
        high = torch.maximum(x, x_ref)
        v = (x - x_ref).abs_().div_(high).clamp_min_(torch.finfo(x.dtype).eps ** 2)
        slope = torch.log1p(-v).mul_(p).expm1_().neg_().div_(v).mul_(high.pow(p - 1))
        return torch.where(high == 0, torch.zeros_like(slope), slope)

    return elementwise(call, slope)


@closed_form("ln b L(b^x, b^x')", LOGARITHMIC_MEAN)
def exponential(call: Call) -> Pair:
    """b^x for a number b > 0."""
    rate = math.log(call.values[0])

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        return torch.maximum(y, y_ref).mul_(shrink((x - x_ref).abs_().mul_(abs(rate)))).mul_(rate)

    return elementwise(call, slope, 1)


def derivative_of(f: Callable[[Tensor, None], Tensor]) -> Callable[[Tensor], Tensor]:
    """f' elementwise, by autograd."""

    def derivative(x: Tensor) -> Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            y = f(leaf, None)
            return torch.autograd.grad(y, leaf, torch.ones_like(y))[0] if y.requires_grad else torch.zeros_like(x)

    return derivative


@closed_form("dy/dx; the derivative at the midpoint where dx is small")
def gelu(call: Call) -> Pair:
    """x Phi(x), by `chord`."""
    approximate = call.value_options.get("approximate", "none")

    def derivative(x: Tensor) -> Tensor:
        y: Tensor = torch.ops.aten.gelu_backward(torch.ones_like(x), x, approximate=approximate)
        return y

    return elementwise(call, lambda x, x_ref, y, y_ref: chord(x, x_ref, y, y_ref, derivative))


@closed_form("dy/dx; the derivative at the midpoint where dx is small")
def by_chord(call: Call) -> Pair:
    """dy/dx, and f' at the midpoint where dx is small."""
    moving = next(i for i, (a, b) in enumerate(zip(call.values, call.references, strict=True)) if a is not b)

    f = writing(call, moving)

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        return chord(x, x_ref, y, y_ref, derivative_of(f))

    return elementwise(call, slope, moving)


@closed_form("dy/dz, a quotient of complex numbers; the derivative at the midpoint where dz is small")
def complex_chord(call: Call) -> Pair:
    """An analytic function of complex numbers, by its chord: (q^2 dy/dz + f') / (q^2 + 1), q = |dz|^2 / e, as `chord`.
    Complete on either side of a branch cut too. PyTorch's gradients of analytic functions are conjugate.
    """
    f = writing(call)

    def slope(z: Tensor, z_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        unit = torch.finfo(z.dtype).eps ** (-1 / 3)
        w = (z - z_ref) * unit
        q = w.real.square() + w.imag.square()
        derivative = derivative_of(f)(torch.lerp(z, z_ref, 0.5))
        m: Tensor = (derivative + (w * (y - y_ref).conj()) * (q * unit)) / (q * q + 1)
        return m

    return elementwise(call, slope)


@closed_form("dy/dx; the derivative at the midpoint where dx is small")
def log_sigmoid(call: Call) -> Pair:
    """ln s(x), which ATen returns with a buffer of its own."""
    x, x_ref = call.values[0], call.references[0]

    def slope(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor) -> Tensor:
        return chord(x, x_ref, y, y_ref, lambda mid: torch.sigmoid(-mid))

    def f(x: Tensor, out: Tensor | None) -> Tensor:
        y = torch.nn.functional.logsigmoid(x)
        return y if out is None else out.copy_(y)

    y, y_ref = Elementwise.apply(x, x_ref, f, slope)
    nothing = absent(x)
    return (y, nothing), (y_ref, nothing)
