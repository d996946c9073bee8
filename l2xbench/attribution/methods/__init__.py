"""The methods behind `explain(method=...)`, one file a family. A new one is a function with `@method(name)`, imported here."""

from __future__ import annotations

from . import captum_methods, controls, lam, l2x  # noqa: F401  (they register themselves)
from .registry import Explained, Method, Problem, get_method, method, method_names

__all__ = ["Explained", "Method", "Problem", "get_method", "method", "method_names"]
