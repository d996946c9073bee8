"""The one place where libraries are mended: so that they import at all, or without what nobody uses."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from l2xbench.errors import RequestError


def import_torchvision() -> None:
    """Import torchvision so that networks' libraries, and users' own classes, can import what they need.

    Two things are mended, each only where it is amiss:

    - `basicsr` 1.4.2, its last release, takes `rgb_to_grayscale` from `torchvision.transforms.functional_tensor`,
      which torchvision 0.17 made private. A stand-in that offers the public function of that name takes its place.
    - Newer torchvisions import the whole compiler of PyTorch (`torch._dynamo`, more than a second) for one function
      that `roi_align` calls on GPUs. They find one that imports it when it is called.

    Call this before importing `basicsr`, spandrel, or code of a user's own.
    """
    if "torchvision" not in sys.modules:
        with _compiler_put_off():
            importlib.import_module("torchvision.transforms.functional")
    name = "torchvision.transforms.functional_tensor"
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        from torchvision.transforms.functional import rgb_to_grayscale

        stand_in = ModuleType(name, "Stand-in for a module that torchvision removed; made for basicsr.")
        vars(stand_in).update(rgb_to_grayscale=rgb_to_grayscale)
        sys.modules[name] = stand_in


@contextmanager
def _compiler_put_off() -> Iterator[None]:
    """Within, `from torch._dynamo.utils import is_compile_supported` does not import `torch._dynamo`."""
    name = "torch._dynamo.utils"
    if name in sys.modules:
        yield
        return

    def real() -> ModuleType:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]
        return importlib.import_module(name)

    def anything_else(attribute: str) -> object:
        if attribute.startswith("__"):  # the import system's own questions
            raise AttributeError(attribute)
        return getattr(real(), attribute)

    stand_in = ModuleType(name, "Stand-in while torchvision is imported.")
    vars(stand_in).update(
        is_compile_supported=lambda device_type: real().is_compile_supported(device_type), __getattr__=anything_else
    )
    sys.modules[name] = stand_in
    try:
        yield
    finally:
        if sys.modules.get(name) is stand_in:
            del sys.modules[name]


def import_basicsr(module: str = "basicsr") -> ModuleType:
    """Import `basicsr` or one of its modules, e.g. `import_basicsr("basicsr.archs")`.

    `basicsr` imports all of itself at once, some two seconds on top of torch's (SciPy's statistics 1, torchvision,
    OpenCV and itself the rest): call this where basicsr is used, not at the top of a module.

    Raises:
        RequestError: it does not import, e.g. a user's fork of it that is first on PYTHONPATH.
    """
    import_torchvision()
    try:
        return importlib.import_module(module)
    except ImportError as error:
        found = importlib.util.find_spec("basicsr")
        where = f" in {Path(found.origin).parent}" if found is not None and found.origin else ""
        raise RequestError(f"{module}{where} does not import: {error}") from error


@contextmanager
def registering_apart() -> Iterator[None]:
    """Within, a class enters BasicSR's registry of architectures whatever is there: what was keeps its name.

    A user's changed copy of `swinir_arch.py` still calls its class SwinIR and registers it, which BasicSR refuses.
    """
    if importlib.util.find_spec("basicsr") is None:
        yield  # then nobody registers anything
        return
    registry = import_basicsr("basicsr.archs").ARCH_REGISTRY
    before, registry._obj_map = registry._obj_map, {}
    try:
        yield
    finally:
        registry._obj_map = {**registry._obj_map, **before}


DISTRIBUTED = "torch.distributed.tensor"


def without_distributed_tensors() -> None:
    """For a process that makes a map or two and ends: its first map need not wait for SymPy.

    When an operation first meets a tensor of another class, as a paired one is, PyTorch loads its distributed tensors
    to know their class, and with them SymPy: longer than the map of a small image takes. Here it finds a class that no
    tensor has, for as long as the process lives: whatever may be given distributed tensors must not call this. Who
    imports them later gets the real ones.
    """
    import torch
    from torch import Tensor

    class Wrapper(Tensor):
        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
            return torch.empty(0)

    if DISTRIBUTED in sys.modules:
        return
    absent = ModuleType(DISTRIBUTED, "Stand-in for distributed tensors, of which there are none in this process.")
    vars(absent).update(DTensor=type("DTensor", (Tensor,), {}))
    sys.modules[DISTRIBUTED] = absent
    try:
        Tensor._make_wrapper_subclass(Wrapper, (1,)).neg()
    finally:
        del sys.modules[DISTRIBUTED]
