"""The methods behind `explain(method=...)`, one file a family. A new one is a function under `@method(name)`."""

from __future__ import annotations

from l2xbench.attribution.methods import (  # noqa: F401  they register themselves
    captum_methods,
    controls,
    intervention,
    l2x,
    lam,
)
from l2xbench.attribution.methods.registry import Explained, Method, Problem, get_method, method, method_names

__all__ = ["Explained", "Method", "Problem", "get_method", "method", "method_names"]
