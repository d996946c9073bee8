"""A class of the user's own. It runs the user's code, so it is only reached where the study says `trust: true`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from l2xbench.errors import RequestError, did_you_mean, reason_of
from l2xbench.system.compat import registering_apart
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.providers import Built, States
from l2xbench.zoo.providers.construct import construct, window_of
from l2xbench.zoo.world import EndedItself, World, is_installed, world_of


def build(card: ModelCard, states: States | None) -> Built:
    """`Class(**arch)` of `package.module:Class` or `file.py:Class`.

    Raises:
        RequestError: no such module, file or class, one that raises or ends itself when it is imported, or arguments
            that the class does not take.
    """
    where, _, name = (card.module or "").rpartition(":")
    module, world = _imported(card)
    found = getattr(module, name, None)
    if found is None:
        classes = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise RequestError(f"{card.name}: module: {where} has no '{name}'; {did_you_mean(name, classes)}")
    if isinstance(found, nn.Module):
        raise RequestError(
            f"{card.name}: module: {where}: '{name}' is a network that is built already; name its class, or a function "
            "that returns it"
        )
    if not callable(found):
        raise RequestError(f"{card.name}: module: {where}: '{name}' is a {type(found).__name__}, not a class")
    arguments = dict(card.arch)
    if world is None:
        core = construct(found, arguments, card)
    else:
        try:
            with world.at_home():
                core = construct(found, arguments, card)
        except EndedItself as error:
            raise RequestError(f"{card.name}: arch: {name} ended the program ({error})") from None
    scale = card.scale or getattr(core, "scale", None) or getattr(core, "upscale", None)
    return Built(core, scale=scale if isinstance(scale, int) else None, multiple=window_of(found, arguments))


def files_of(card: ModelCard) -> dict[Path, str]:
    """The files of the user's that importing the card's class reads, each with its SHA-256; its import is run.

    Raises:
        RequestError: as `build`.
    """
    _, world = _imported(card)
    return {} if world is None else world.files


def _imported(card: ModelCard) -> tuple[ModuleType, World | None]:
    """The module of a card's class, and the world that it is in; an installed one is in none."""
    where, _, name = (card.module or "").rpartition(":")
    if not where or not name:
        raise RequestError(
            f"{card.name}: module: found '{card.module}', needed 'package.module:Class' or 'file.py:Class'"
        )
    with registering_apart(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)  # what a file draws when it is read hangs on nothing that went before
        return _import_file(card, where) if where.endswith(".py") else _import_module(card, where)


def _import_module(card: ModelCard, name: str) -> tuple[ModuleType, World | None]:
    folder = _folder_of(name.partition(".")[0])
    try:
        if folder is None:
            return importlib.import_module(name), None
        world = world_of(folder)
        with _one_line(card, name):
            return world.load(name), world
    except ModuleNotFoundError as error:
        raise RequestError(
            f"{card.name}: module: cannot import '{name}': {error}; is its folder on PYTHONPATH?"
        ) from None


def _folder_of(top: str) -> Path | None:
    """The folder on Python's path that a package of the user's lies in; None for an installed one."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = list(spec.submodule_search_locations or ()) or [str(Path(spec.origin or "").parent)]
    place = Path(os.path.realpath(places[0]))
    if is_installed(place) or not place.is_dir():
        return None
    return place.parent if spec.submodule_search_locations else place


def _import_file(card: ModelCard, name: str) -> tuple[ModuleType, World]:
    path = Path(card.folder, name).expanduser().resolve()
    if not path.is_file():
        raise RequestError(f"{card.name}: module: no such file: {path}")
    world = world_of(path.parent)
    with _one_line(card, str(path)):
        return world.load(path.stem, path), world


@contextmanager
def _one_line(card: ModelCard, where: str) -> Iterator[None]:
    """Turns whatever a module raises when it is imported into one line."""
    try:
        yield
    except EndedItself as error:
        raise RequestError(
            f"{card.name}: module: {where} ends the program when it is imported ({error}); put what reads a command "
            "line or exits under: if __name__ == '__main__'"
        ) from None
    except ModuleNotFoundError as error:
        if not where.endswith(".py"):
            raise
        raise RequestError(f"{card.name}: module: {where} raised {reason_of(error)}") from error
    except Exception as error:
        hint = "; name a package's file package.module:Class, and put the package's folder on PYTHONPATH"
        told = hint if isinstance(error, ImportError) and "relative import" in str(error) else ""
        raise RequestError(f"{card.name}: module: {where} raised {reason_of(error)}{told}") from error
