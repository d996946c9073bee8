"""The heart: exact attribution of a network's output to its input.

Knows tensors and modules, nothing of files, models or studies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from l2xbench.attribution.attribution import Attribution
from l2xbench.attribution.errors import AttributionError, MethodError
from l2xbench.attribution.explain import explain
from l2xbench.attribution.methods import method_names
from l2xbench.attribution.spread import diffusion_index

if TYPE_CHECKING:
    from l2xbench.attribution.captum import L2X

__all__ = ["L2X", "Attribution", "AttributionError", "MethodError", "diffusion_index", "explain", "method_names"]


def __getattr__(name: str) -> Any:
    # Captum takes a second to import, and only its users need it.
    if name == "L2X":
        from l2xbench.attribution.captum import L2X

        return L2X
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
