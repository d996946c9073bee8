"""l2xbench: which input pixels a super-resolution network used, and how architectures compare by it.

Examples:
    >>> import torch, l2xbench
    >>> net = l2xbench.load_model("carn", weights="random")
    >>> lr = torch.rand(1, 3, 12, 12)
    >>> attribution = l2xbench.explain(net, lr, reference="blur", target="neuron:0,24,24")
    >>> attribution.values.shape
    torch.Size([1, 3, 12, 12])
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from l2xbench.version import __version__

if TYPE_CHECKING:
    from l2xbench.attribution.attribution import Attribution
    from l2xbench.attribution.captum import L2X
    from l2xbench.attribution.explain import explain
    from l2xbench.attribution.spread import diffusion_index
    from l2xbench.notebook.compare import compare
    from l2xbench.notebook.folder import open_results
    from l2xbench.notebook.images import read_image
    from l2xbench.notebook.studies import run_study
    from l2xbench.zoo.load import load_model

__all__ = [
    "L2X",
    "Attribution",
    "__version__",
    "compare",
    "diffusion_index",
    "explain",
    "load_model",
    "open_results",
    "read_image",
    "run_study",
]

_HOMES = {
    "L2X": "l2xbench.attribution",
    "Attribution": "l2xbench.attribution",
    "compare": "l2xbench.notebook.compare",
    "diffusion_index": "l2xbench.attribution",
    "explain": "l2xbench.attribution",
    "load_model": "l2xbench.zoo.load",
    "open_results": "l2xbench.notebook.folder",
    "read_image": "l2xbench.notebook.images",
    "run_study": "l2xbench.notebook.studies",
}


# in a notebook without ipywidgets, of a library that Captum and others import, and whose bars nobody here draws
warnings.filterwarnings("ignore", message="IProgress not found")


def __getattr__(name: str) -> Any:
    # torch takes seconds to import, and `l2xbench --help` does not need it
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'l2xbench' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
