"""Operations written as a chain of others, each of which has its rule."""

from __future__ import annotations

from typing import Any

import torch

from l2xbench.attribution.rules.registry import Call, Pair, rule


def paired(call: Call, index: int, name: str) -> Any:
    """An argument of a call as one paired tensor again."""
    from l2xbench.attribution.dispatch import Paired

    if index < len(call.values):
        return Paired.of(call.values[index], call.references[index])
    return Paired.of(call.value_options[name], call.reference_options[name])


def p_norm(call: Call, p: float, dims: list[int], keepdim: bool) -> Pair:
    """|x|_p by abs, amax, powers and sums."""
    from l2xbench.attribution.dispatch import Paired

    with torch.no_grad():
        return powers(Paired.of(call.values[0], call.references[0]).abs(), p, dims, keepdim).pair()


def powers(x: Any, p: float, dims: list[int], keepdim: bool) -> Any:
    """The p-norm of what is not negative."""
    if p == float("inf"):
        return x.amax(dims, keepdim=keepdim)
    if p == float("-inf"):
        return x.amin(dims, keepdim=keepdim)
    if p == 1:
        return x.sum(dims, keepdim=keepdim)
    if p == 0:
        return (x != 0).sum(dims, keepdim=keepdim).to(x.dtype)
    return torch.pow(torch.pow(x, p).sum(dims, keepdim=keepdim), 1 / p)


@rule("polar")
def polar(call: Call) -> Pair:
    """a (cos t + i sin t)."""
    with torch.no_grad():
        size, phase = paired(call, 0, "abs"), paired(call, 1, "angle")
        y: Any = torch.complex(size * phase.cos(), size * phase.sin())
        return y.pair()


@rule("glu", "glu_jvp")
def glu(call: Call) -> Pair:
    """a s(b), a and b the two halves of x."""
    with torch.no_grad():
        a, b = paired(call, 0, "self").chunk(2, call.argument(1, "dim", -1))
        return (a * b.sigmoid()).pair()


@rule("prod")
def prod(call: Call) -> Pair:
    """A product of many, as a tree of products of two."""
    with torch.no_grad():
        x = paired(call, 0, "self")
        dim = call.argument(1, "dim")
        keepdim = bool(call.argument(2, "keepdim", False))
        if dim is None:
            x, dim = x.reshape(-1), 0
        x = x.movedim(dim, -1)
        while x.shape[-1] > 1:
            n = x.shape[-1]
            pairs = x[..., 0 : n - 1 : 2] * x[..., 1:n:2]
            x = torch.cat([pairs, x[..., n - 1 :]], -1) if n % 2 else pairs
        y = x.movedim(-1, dim) if keepdim else x.squeeze(-1)
        return y.pair()
