"""Our own architectures: class `X` lies in `zoo/archs/x.py`, found by that convention."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.zoo import archs
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.providers import Built, States
from l2xbench.zoo.providers.construct import construct


def build(card: ModelCard, states: States | None) -> Built:
    """The architecture `card.arch.type` with the card's arguments.

    Raises:
        RequestError: no such architecture, or arguments that it does not take.
    """
    arguments = dict(card.arch)
    kind = str(arguments.pop("type"))
    names = _names()
    if kind not in names:
        raise RequestError(f"{card.name}: arch.type: '{kind}' is none of ours; {did_you_mean(kind, names)}")
    found = getattr(importlib.import_module(f"{archs.__name__}.{kind.lower()}"), kind)
    key = "scale" if "scale" in inspect.signature(found).parameters else "upscale"
    if card.scale is not None and arguments.setdefault(key, card.scale) != card.scale:
        raise RequestError(f"{card.name}: arch.{key}: found {arguments[key]}, but scale is {card.scale}")
    core = construct(found, arguments, card)
    needs = {need: getattr(found, need) for need in ("multiple", "minimum") if hasattr(found, need)}
    return Built(core, scale=getattr(core, "scale", None), **needs)


def _names() -> list[str]:
    """The classes that follow the convention: `X` in the module `x`."""
    names = []
    for info in pkgutil.iter_modules(archs.__path__):
        module = importlib.import_module(f"{archs.__name__}.{info.name}")
        names += [
            name for name in vars(module) if name.lower() == info.name and isinstance(getattr(module, name), type)
        ]
    return names
