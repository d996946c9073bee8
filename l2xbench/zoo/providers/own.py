"""Our own architectures: class `X` lies in `zoo/archs/x.py`, found by that convention."""

from __future__ import annotations

import importlib
import pkgutil

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.zoo import archs
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.providers import Built, StateDict
from l2xbench.zoo.providers.construct import construct


def build(card: ModelCard, state_dict: StateDict | None) -> Built:
    """The architecture `card.arch.type` with the card's arguments.

    Raises:
        RequestError: no such architecture, or arguments that it does not take.
    """
    arguments = dict(card.arch)
    kind = str(arguments.pop("type"))
    modules = {info.name for info in pkgutil.iter_modules(archs.__path__)}
    found = None
    if kind.lower() in modules:
        found = getattr(importlib.import_module(f"{archs.__name__}.{kind.lower()}"), kind, None)
    if found is None:
        names = [name.upper() for name in modules if name == name.lower() and not name.startswith("blocks")]
        raise RequestError(f"{card.name}: arch.type: '{kind}' is none of ours; {did_you_mean(kind, names)}")
    return Built(construct(found, arguments, card), scale=arguments.get("scale"))
