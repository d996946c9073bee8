"""BasicSR's architectures by their `network_g` block: ours for those that every study has, its registry for the rest.

EDSR, RCAN and SwinIR need no BasicSR: ours take the same arguments, have the same key names and give the same output.
BasicSR's last release cannot be built on Python 3.13, and takes two seconds to import. A fork of it may have changed
them, so where one is installed its own are taken.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.system.compat import import_basicsr
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.providers import Built, States
from l2xbench.zoo.providers.construct import construct, window_of

SCALE_ARGUMENTS = ("upscale", "scale", "upscaling_factor")
RELEASE = "1.4.2"
OURS = {
    "EDSR": "l2xbench.zoo.archs.edsr",
    "RCAN": "l2xbench.zoo.archs.rcan",
    "SwinIR": "spandrel.architectures.SwinIR",
}
"""`type` -> the module with the class of that name."""


def build(card: ModelCard, states: States | None) -> Built:
    """The architecture `card.arch.type`.

    Raises:
        RequestError: no such architecture, arguments that it does not take, or BasicSR is needed and is not there.
    """
    arguments: dict[str, Any] = dict(card.arch)
    kind = str(arguments.pop("type"))
    make = getattr(importlib.import_module(OURS[kind]), kind) if ours(kind) else _registered(kind, card)
    core = construct(make, arguments, card)
    scale = next((arguments[key] for key in SCALE_ARGUMENTS if key in arguments), getattr(core, "upscale", None))
    return Built(core, scale=scale, multiple=window_of(make, arguments))


def ours(kind: str) -> bool:
    """Whether an architecture of this name is built without BasicSR."""
    return kind in OURS and not _is_forked()


def _registered(kind: str, card: ModelCard) -> Any:
    if importlib.util.find_spec("basicsr") is None:
        python = "{}.{}".format(*sys.version_info)
        how = (
            "pip install 'l2xbench[basicsr]'"
            if sys.version_info < (3, 13)
            else f"its last release cannot be built on Python {python}: take Python 3.12, or name the architecture's "
            "own class (provider module) or its checkpoint (spandrel)"
        )
        raise RequestError(
            f"{card.name}: arch.type: '{kind}' needs BasicSR's registry, which is not installed; {how} "
            f"(without it: {did_you_mean(kind, OURS)})"
        )
    import_basicsr("basicsr.archs")  # fills the registry
    from basicsr.utils.registry import ARCH_REGISTRY

    names = [name for name, _ in ARCH_REGISTRY]
    if kind not in names:
        raise RequestError(
            f"{card.name}: arch.type: '{kind}' is not in BasicSR's registry; {did_you_mean(kind, names)}"
        )
    return ARCH_REGISTRY.get(kind)


def _is_forked() -> bool:
    """Whether `import basicsr` finds another one than the last release of the package index."""
    found = importlib.util.find_spec("basicsr")
    if found is None or found.origin is None:
        return False
    try:
        installed = metadata.distribution("basicsr")
    except metadata.PackageNotFoundError:
        return True
    own = Path(str(installed.locate_file("basicsr/__init__.py"))).resolve()
    return installed.version != RELEASE or own != Path(found.origin).resolve()
