"""Calling a constructor with arguments from a file."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from l2xbench.errors import RequestError, did_you_mean, reason_of
from l2xbench.zoo.cards import ModelCard


def construct(make: Callable[..., Any], arguments: dict[str, Any], card: ModelCard) -> nn.Module:
    """`make(**arguments)`, which must give a module.

    Raises:
        RequestError: an argument that `make` does not take (the nearest name is given), one it needs, or values it
            refuses.
    """
    name = getattr(make, "__name__", str(make))
    try:
        parameters = inspect.signature(make).parameters
    except ValueError:
        raise RequestError(f"{card.name}: {name} is no torch.nn.Module") from None
    if not any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        for argument in arguments:
            if argument not in parameters:
                raise RequestError(
                    f"{card.name}: arch.{argument}: {name} takes no such argument; {did_you_mean(argument, parameters)}"
                )
    needed = [
        p.name
        for p in parameters.values()
        if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name not in arguments
    ]
    if needed:
        hint = "; a function named here returns a network, and takes no image" if inspect.isfunction(make) else ""
        raise RequestError(f"{card.name}: arch: {name} needs {', '.join(needed)}{hint}")
    try:
        network = make(**arguments)
    except Exception as error:  # any constructor, ours or a user's, may raise anything on wrong sizes
        raise RequestError(f"{card.name}: arch: {name} refuses these arguments: {reason_of(error)}") from error
    if not isinstance(network, nn.Module):
        raise RequestError(f"{card.name}: {name} made a {type(network).__name__}, not a torch.nn.Module")
    return network


def window_of(make: Callable[..., Any], arguments: dict[str, Any]) -> int:
    """The window whose multiple an image must be: the argument `window_size`, given or by default; 1 without one."""
    parameter = inspect.signature(make).parameters.get("window_size")
    window = arguments.get("window_size", parameter.default if parameter else 1)
    return window if isinstance(window, int) and window > 1 else 1
