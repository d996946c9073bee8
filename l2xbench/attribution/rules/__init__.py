"""One function a rule, in files by family (every operation is linear, has a closed form, or falls back)."""

from __future__ import annotations

from l2xbench.attribution.rules import (
    linear,
    maxima,
    normalization,
    piecewise,
    products,
    sampling,
    selection,
    smooth,
    softmax,
)
from l2xbench.attribution.rules.registry import RULES, find

__all__ = [
    "RULES",
    "find",
    "linear",
    "maxima",
    "normalization",
    "piecewise",
    "products",
    "sampling",
    "selection",
    "smooth",
    "softmax",
]
