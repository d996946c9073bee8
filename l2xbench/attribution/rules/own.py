"""An operation's own result in the place of one that a rule computed by another way.

The two differ in the last bit; where a network sorts, hashes or picks by it, that may become another order.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.rules.call import Call, Pair, differentiable


class OwnResult(torch.autograd.Function):
    """The numbers of `own` with the multipliers of `computed`."""

    @staticmethod
    def forward(ctx: Any, computed: Tensor, own: Tensor) -> Tensor:
        return own.view_as(own)

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None]:
        return g, None


def with_own_result(call: Call, pair: Pair) -> Pair:
    """A rule's results with the numbers that the operation itself gives for either stream."""
    with torch.no_grad():
        own, own_ref = call.value(), call.reference()
    value, reference = pair
    if isinstance(value, Tensor):
        return replaced(value, own), own_ref
    values = [replaced(v, o) for v, o in zip(value, own, strict=True)]
    references = [o if v.shape == o.shape else r for v, r, o in zip(value, reference, own_ref, strict=True)]
    return type(value)(values), type(reference)(references)


def replaced(computed: Tensor, own: Tensor) -> Tensor:
    """One result; what a rule leaves empty, and what has no gradient, as it is."""
    alike = computed.shape == own.shape and computed.dtype == own.dtype and differentiable(own)
    return OwnResult.apply(computed, own) if alike and computed.requires_grad else computed
