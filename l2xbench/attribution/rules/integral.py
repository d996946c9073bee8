"""The line integral of an operation's own vector-Jacobian product: exact for quadratic forms with one node, and what
is done with every differentiable operation that has no rule.

dy = (integral over t in [0, 1] of J(x' + t dx)) dx, the fundamental theorem of calculus along the
segment from the reference to the value, as in Integrated Gradients (Sundararajan et al., 2017, Eq. 1) but for one
operation; the integral by Gauss-Legendre quadrature, which with n nodes is exact for polynomials of degree 2n.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, OperationRecord, Pair, differentiable
from l2xbench.attribution.rules.questions import agree
from l2xbench.attribution.rules.selection import Rest, same_size, spread
from l2xbench.attribution.rules.treatment import INTEGRATED_GRADIENTS, SHAPLEY, treatment
from l2xbench.system.torch_parts import tree_flatten, tree_unflatten

NODES = (5, 10, 20, 40)
"""Nodes of the fallback: doubled until the call's residual is below the tolerance of its precision."""
TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-11}


@lru_cache
def gauss_legendre(nodes: int) -> tuple[tuple[float, float], ...]:
    """(position, weight) on [0, 1]."""
    position, weight = np.polynomial.legendre.leggauss(nodes)
    return tuple(zip(((position + 1) / 2).tolist(), (weight / 2).tolist(), strict=True))


class LineIntegral(torch.autograd.Function):
    """An operation of the moving tensors, whose gradient is the mean Jacobian over the segment between the streams.

    `inputs` are the moving tensors of the value stream, then those of the reference stream. `nodes` is one number for
    an operation of known degree, or a sequence tried until the residual is small.
    """

    @staticmethod
    def forward(
        ctx: Any,
        evaluate: Callable[..., list[Tensor]],
        nodes: tuple[int, ...],
        record: OperationRecord,
        *inputs: Tensor,
    ) -> Any:
        half = len(inputs) // 2
        outputs = [y.detach() for y in evaluate(*inputs[:half])]
        references = [y.detach() for y in evaluate(*inputs[half:])]
        for y, y_ref in zip(outputs, references, strict=True):
            same_size(y, y_ref, record)
        ctx.evaluate, ctx.nodes, ctx.record, ctx.half = evaluate, nodes, record, half
        moved = [y - y_ref for y, y_ref in zip(outputs, references, strict=True)] if len(nodes) > 1 else []
        ctx.save_for_backward(*inputs, *moved)
        ctx.mark_non_differentiable(*references, *(y for y in outputs if not differentiable(y)))
        ctx.set_materialize_grads(False)
        return (*outputs, *references)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> Any:
        saved = ctx.saved_tensors
        x, x_ref, dy = saved[: ctx.half], saved[ctx.half : 2 * ctx.half], saved[2 * ctx.half :]
        dx = [a - b for a, b in zip(x, x_ref, strict=True)]
        count = len(grads) // 2
        given = {i: g for i, g in enumerate(grads[:count]) if g is not None}
        wanted = list(given)
        if not wanted:
            return (None,) * (3 + 2 * ctx.half)
        residual = 0.0
        for nodes in ctx.nodes:
            multipliers = [torch.zeros_like(a) for a in x]
            for position, weight in gauss_legendre(nodes):
                with torch.enable_grad():
                    points = [(b + position * d).requires_grad_() for b, d in zip(x_ref, dx, strict=True)]
                    outputs = ctx.evaluate(*points)
                    used = [i for i in wanted if outputs[i].requires_grad]
                    if not used:
                        continue
                    try:
                        gradients = torch.autograd.grad(
                            [outputs[i] for i in used], points, [given[i] for i in used], allow_unused=True
                        )
                    except RuntimeError as error:
                        if "derivative" not in str(error):
                            raise
                        return (None, None, None, *shared_out(ctx, dx, dy, given), *(None,) * ctx.half)
                for total, gradient in zip(multipliers, gradients, strict=True):
                    if gradient is not None:
                        total.add_(gradient, alpha=weight)
            if len(ctx.nodes) == 1:
                break
            due = math.fsum(inner(given[i], dy[i]) for i in wanted)
            residual = due - math.fsum(inner(m, d) for m, d in zip(multipliers, dx, strict=True))
            scale = math.fsum(inner(given[i].abs(), dy[i].abs()) for i in wanted)
            if abs(residual) <= TOLERANCE.get(dx[0].real.dtype, 1e-6) * scale:
                break
        if residual and not any(bool(m.any()) for m in multipliers):  # quantised within: its gradient is 0 everywhere
            return (None, None, None, *shared_out(ctx, dx, dy, given), *(None,) * ctx.half)
        ctx.record.leave(residual)
        return (None, None, None, *multipliers, *(None,) * ctx.half)


def shared_out(ctx: Any, dx: list[Tensor], dy: Any, given: dict[int, Tensor]) -> list[Tensor]:
    """Multipliers of an operation without a derivative: its difference over those of the tensors that moved."""
    multipliers = [torch.zeros_like(d) for d in dx]
    for i, g in given.items():
        found = [torch.zeros_like(d) for d in dx]
        spread(dx, found, g, dy[i], ctx.record)
        multipliers = [a + b for a, b in zip(multipliers, found, strict=True)]
    return multipliers


def inner(a: Tensor, b: Tensor) -> float:
    """Re <a, b>, summed in float64."""
    if a.is_complex() or b.is_complex():
        return float((a.conj() * b).real.sum(dtype=torch.float64))
    return float((a * b).sum(dtype=torch.float64))


def integrate(call: Call, nodes: tuple[int, ...]) -> Pair:
    """Run a call through the line integral: gather the moving tensors, and a function of them."""
    arguments, layout = tree_flatten((tuple(call.values), call.value_options))
    references, _ = tree_flatten((tuple(call.references), call.reference_options))
    moving = [
        i
        for i, (a, b) in enumerate(zip(arguments, references, strict=True))
        if isinstance(a, Tensor) and a is not b and (a.is_floating_point() or a.is_complex())
    ]
    fixed = [None if i in moving else a for i, a in enumerate(arguments)]
    shape: dict[str, Any] = {}

    def evaluate(*tensors: Tensor) -> list[Tensor]:
        full = list(fixed)
        for i, tensor in zip(moving, tensors, strict=True):
            full[i] = tensor
        args, options = tree_unflatten(full, layout)
        leaves, shape["out"] = tree_flatten(call.operation(*args, **options))
        shape["leaves"] = leaves
        return [leaf for leaf in leaves if isinstance(leaf, Tensor)]

    inputs = [arguments[i] for i in moving], [references[i] for i in moving]
    results = LineIntegral.apply(evaluate, nodes, call.record, *inputs[0], *inputs[1])
    if call.discrete:
        results = with_choice(call, results, inputs)
    half = len(results) // 2

    def pack(tensors: tuple[Tensor, ...]) -> Any:
        remaining = iter(tensors)
        leaves = [next(remaining) if isinstance(leaf, Tensor) else leaf for leaf in shape["leaves"]]
        return tree_unflatten(leaves, shape["out"])

    return pack(results[:half]), pack(results[half:])


def with_choice(call: Call, results: tuple[Tensor, ...], inputs: tuple[list[Tensor], list[Tensor]]) -> Any:
    """The same where indices or masks differ too: what choosing otherwise changes goes to what they were chosen by.

    Args:
        call: the operation.
        results: of the value stream, and of the reference stream with the value stream's choice.
        inputs: the tensors that the integral is over, of both streams.
    """
    half = len(results) // 2
    own = [leaf for leaf in tree_flatten(call.reference())[0] if isinstance(leaf, Tensor)]
    by = call.sources or [*zip(*inputs, strict=True)]
    sources = [a for a, _ in by], [b for _, b in by]
    values = []
    for y, chosen, y_ref in zip(results[:half], results[half:], own, strict=True):
        same_size(chosen, y_ref, call.record)
        if differentiable(y) and not agree(chosen, y_ref):
            y = y + Rest.apply(chosen, y_ref, call.record, *sources[0], *sources[1])
        values.append(y)
    return (*values, *own)


@treatment("midpoint", "the gradient at ((a + a')/2, (b + b')/2)", SHAPLEY)
def midpoint(call: Call) -> Pair:
    """The gradient at the midpoint of the streams: exact for every quadratic form (Shapley's split of a product)."""
    return integrate(call, (1,))


@treatment("line integral", "the mean gradient by 5 to 40 nodes", INTEGRATED_GRADIENTS)
def line_integral(call: Call) -> Pair:
    """For any other differentiable call: as many nodes as it takes, up to 40; the residual is recorded."""
    return integrate(call, NODES)
