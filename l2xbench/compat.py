"""The one place where a library is mended so that it imports at all."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType


def import_basicsr(module: str = "basicsr") -> ModuleType:
    """Import `basicsr` or one of its modules, e.g. `import_basicsr("basicsr.archs")`.

    `basicsr` 1.4.2, its last release, imports all of itself at once, and one of its modules takes
    `rgb_to_grayscale` from `torchvision.transforms.functional_tensor`, which torchvision 0.17 made private.
    Where that module is missing, a stand-in that offers the public function of the same name is put in its
    place before the import. Nothing is changed where torchvision still has it.

    The import takes some four seconds on top of torch's (torchvision 2.3, OpenCV and SciPy 0.6, basicsr 1.1):
    call this where basicsr is used, not at the top of a module.
    """
    name = "torchvision.transforms.functional_tensor"
    if name not in sys.modules and importlib.util.find_spec(name) is None:
        from torchvision.transforms.functional import rgb_to_grayscale

        stand_in = ModuleType(name, "Stand-in for a module that torchvision removed; made for basicsr.")
        stand_in.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]
        sys.modules[name] = stand_in
    return importlib.import_module(module)
