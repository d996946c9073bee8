"""One function a rule, in files by family (every operation is linear, has a closed form, or falls back)."""

from __future__ import annotations

from l2xbench.attribution.rules import (
    compose,
    linear,
    maxima,
    normalization,
    piecewise,
    products,
    sampling,
    selection,
    several,
    smooth,
    softmax,
)
from l2xbench.attribution.rules.registry import RULES, find

__all__ = [
    "RULES",
    "compose",
    "find",
    "linear",
    "maxima",
    "normalization",
    "piecewise",
    "products",
    "sampling",
    "selection",
    "several",
    "smooth",
    "softmax",
]
