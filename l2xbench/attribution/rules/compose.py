"""Operations written as a chain of others, each of which has its rule."""

from __future__ import annotations

import torch
from torch import Tensor

from l2xbench.attribution.rules.registry import Call, Pair


def p_norm(call: Call, p: float, dims: list[int], keepdim: bool) -> Pair:
    """|x|_p by abs, amax, powers and sums."""
    from l2xbench.attribution.dispatch import Paired

    x: Tensor = Paired.of(call.values[0], call.references[0]).abs()
    if p == float("inf"):
        y = x.amax(dims, keepdim=keepdim)
    elif p == float("-inf"):
        y = x.amin(dims, keepdim=keepdim)
    elif p == 1:
        y = x.sum(dims, keepdim=keepdim)
    elif p == 0:
        y = (x != 0).sum(dims, keepdim=keepdim).to(x.dtype)
    else:
        y = torch.pow(torch.pow(x, p).sum(dims, keepdim=keepdim), 1 / p)
    return y.pair()
