"""l2xbench: which input pixels a super-resolution network used, and how architectures compare by it.

Example:
    >>> import torch, l2xbench
    >>> net = l2xbench.load_model("carn", weights="random")
    >>> lr = torch.rand(1, 3, 12, 12)
    >>> attribution = l2xbench.explain(net, lr, reference="blur", target="neuron:0,24,24")
    >>> attribution.values.shape
    torch.Size([1, 3, 12, 12])
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from l2xbench.attribution.captum import L2X
    from l2xbench.attribution.explain import Attribution, explain
    from l2xbench.attribution.spread import diffusion_index
    from l2xbench.zoo.load import load_model

__version__ = "0.2.0"
__all__ = ["L2X", "Attribution", "__version__", "diffusion_index", "explain", "load_model"]

_HOMES = {
    "L2X": "l2xbench.attribution",
    "Attribution": "l2xbench.attribution",
    "diffusion_index": "l2xbench.attribution",
    "explain": "l2xbench.attribution",
    "load_model": "l2xbench.zoo.load",
}


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and `l2xbench --help` does not need it
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'l2xbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
