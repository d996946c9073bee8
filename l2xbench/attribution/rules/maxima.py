"""Maxima and minima in every spelling: over axes, over windows, of two tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair
from l2xbench.attribution.rules.extremum import Extremum
from l2xbench.attribution.rules.piecewise import ramp
from l2xbench.attribution.rules.treatment import IDENTITY, closed_form


def reduce(x: Tensor, x_ref: Tensor, dims: list[int], keepdim: bool, sign: int) -> tuple[Tensor, ...]:
    """The extremum over some axes."""
    dims = sorted(d % x.dim() for d in dims) if x.dim() else []
    kept = [d for d in range(x.dim()) if d not in dims]
    rows, rows_ref = (t.permute(kept + dims).flatten(len(kept)) if dims else t.unsqueeze(-1) for t in (x, x_ref))

    def find(t: Tensor) -> tuple[Tensor, Tensor]:
        y, index = t.max(-1, keepdim=True) if sign > 0 else t.min(-1, keepdim=True)
        return y, index

    results = [t.squeeze(-1) for t in Extremum.apply(rows, rows_ref, find, sign)]
    if keepdim:
        for dim in dims:
            results = [t.unsqueeze(dim) for t in results]
    return tuple(results)


@closed_form("through m = max(y, y'): (m - y') to the value's argmax, (y - m) to the reference's; ties share", IDENTITY)
def extremum_over_axes(call: Call) -> Pair:
    """max or min over axes."""
    x = call.values[0]
    dims = call.argument(1, "dim", ())
    dims = [dims] if isinstance(dims, int) else list(dims) or list(range(x.dim()))
    y, y_ref, *_ = reduce(
        x, call.references[0], dims, call.argument(2, "keepdim", False), 1 if call.name == "amax" else -1
    )
    return y, y_ref


@closed_form("through m = max(y, y'): (m - y') to the value's argmax, (y - m) to the reference's; ties share", IDENTITY)
def extremum(call: Call) -> Pair:
    """max or min over everything, or over one axis together with where it is attained."""
    x, x_ref = call.values[0], call.references[0]
    sign = 1 if call.name == "max" else -1
    if len(call.values) == 1:
        y, y_ref, *_ = reduce(x, x_ref, list(range(x.dim())), False, sign)
        return y, y_ref
    y, y_ref, i, j = reduce(x, x_ref, [call.values[1]], call.argument(2, "keepdim", False), sign)
    return (y, i), (y_ref, j)


@closed_form("through m = max(y, y'): (m - y') to the value's argmax, (y - m) to the reference's; ties share", IDENTITY)
def both_extrema(call: Call) -> Pair:
    """The minimum and the maximum."""
    x, x_ref = call.values[0], call.references[0]
    dim = call.value_options.get("dim")
    dims = list(range(x.dim())) if dim is None else [dim]
    keepdim = call.value_options.get("keepdim", False)
    low, low_ref, *_ = reduce(x, x_ref, dims, keepdim, -1)
    high, high_ref, *_ = reduce(x, x_ref, dims, keepdim, 1)
    return (low, high), (low_ref, high_ref)


@closed_form("b + max(a - b, 0): r da + (1 - r) db, r = ramp(a - b, a' - b')")
def maximum(call: Call) -> Pair:
    """max(a, b) = b + max(a - b, 0), the ramp of a difference."""
    (a, b), (a_ref, b_ref) = call.values, call.references
    with torch.no_grad():
        m = ramp(a - b, a_ref - b_ref)
        y_ref = torch.maximum(a_ref, b_ref)
    return Blend.apply(a, b, torch.maximum, m), y_ref


@closed_form("a - max(a - b, 0): r da + (1 - r) db, r = ramp(b - a, b' - a')")
def minimum(call: Call) -> Pair:
    """min(a, b) = a - max(a - b, 0)."""
    (a, b), (a_ref, b_ref) = call.values, call.references
    with torch.no_grad():
        m = ramp(b - a, b_ref - a_ref)
        y_ref = torch.minimum(a_ref, b_ref)
    return Blend.apply(a, b, torch.minimum, m), y_ref


class Blend(torch.autograd.Function):
    """f(a, b) with multipliers m for a and 1 - m for b."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, f: Callable[[Tensor, Tensor], Tensor], m: Tensor) -> Tensor:
        ctx.shapes = a.shape, b.shape
        ctx.save_for_backward(m)
        return f(a, b)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        to_a = g * ctx.saved_tensors[0]
        return to_a.sum_to_size(ctx.shapes[0]), (g - to_a).sum_to_size(ctx.shapes[1]), None, None


@closed_form("through m = max(y, y'): (m - y') to the value's argmax, (y - m) to the reference's; ties share", IDENTITY)
def max_pool(call: Call) -> Pair:
    """The maximum of each window; indices count within a channel's plane."""
    x, x_ref = call.values[0], call.references[0]
    axes = 3 if "3d" in call.name else 2
    plane, plane_ref = x.flatten(-axes), x_ref.flatten(-axes)
    size: list[int] = []

    def find(t: Tensor) -> tuple[Tensor, Tensor]:
        y, index = call.operation(t.reshape(x.shape), *call.values[1:], **call.value_options)
        size[:] = y.shape
        return y.flatten(-axes), index.flatten(-axes)

    def members() -> Tensor:
        given = (call.argument(i, name) for i, name in enumerate(("kernel_size", "stride", "padding", "dilation"), 1))
        sizes = () if call.name.startswith(("fractional", "adaptive")) else tuple(map(_sizes, given))
        return _members(call.name, tuple(x.shape[-axes:]), tuple(size[-axes:]), sizes).to(x.device)

    y, y_ref, i, j = (t.reshape(size) for t in Extremum.apply(plane, plane_ref, find, 1, members))
    return (y, i), (y_ref, j)


@lru_cache(maxsize=64)
def _members(name: str, plane: tuple[int, ...], windows: tuple[int, ...], sizes: tuple[tuple[int, ...], ...]) -> Tensor:
    """(windows, k): where in its plane each window's elements are, -1 for what lies outside.

    Args:
        name: the operation.
        plane: its input's size.
        windows: how many along each axis.
        sizes: of kernel, stride, padding and dilation, one for all axes or for each, or none.
    """
    if name.startswith("fractional"):  # by random samples, whose windows only the kernel knows: none is shared
        return torch.empty(prod(windows), 0, dtype=torch.long)
    at = torch.zeros(1, 1, dtype=torch.long)
    inside = torch.ones(1, 1, dtype=torch.bool)
    for axis, (size, count) in enumerate(zip(plane, windows, strict=True)):
        o = torch.arange(count).unsqueeze(1)
        if name.startswith("adaptive"):
            first, last = o * size // count, -(-(o + 1) * size // count)
            longest = max(-(-(k + 1) * size // count) - k * size // count for k in range(count))
            where = first + torch.arange(longest)
            valid = where < last
        else:
            kernel, stride, padding, dilation = (each[axis % len(each)] if each else None for each in sizes)
            where = o * (stride or kernel or 1) - (padding or 0) + torch.arange(kernel or 1) * (dilation or 1)
            valid = (where >= 0) & (where < size)
        shape = len(at) * count, -1
        at = (at[:, None, :, None] * size + where[None, :, None, :]).reshape(shape)
        inside = (inside[:, None, :, None] & valid[None, :, None, :]).reshape(shape)
    return at.where(inside, -1)


def _sizes(given: Any) -> tuple[int, ...]:
    """A size that may be one for all axes, or not given."""
    return (given,) if isinstance(given, int) else tuple(given or ())
