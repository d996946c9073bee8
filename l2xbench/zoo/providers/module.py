"""A class of the user's own. It runs the user's code, so it is only reached where the study says `trust: true`."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.system.compat import registering_apart
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.providers import Built, StateDict
from l2xbench.zoo.providers.construct import construct, window_of


def build(card: ModelCard, state_dict: StateDict | None) -> Built:
    """`Class(**arch)` of `package.module:Class` or `file.py:Class`.

    Raises:
        RequestError: no such module, file or class, or arguments that it does not take.
    """
    where, _, name = (card.module or "").rpartition(":")
    if not where or not name:
        raise RequestError(
            f"{card.name}: module: found '{card.module}', needed 'package.module:Class' or 'file.py:Class'"
        )
    with registering_apart():
        module = _import_file(card, where) if where.endswith(".py") else _import_module(card, where)
    found = getattr(module, name, None)
    if found is None:
        classes = [key for key, value in vars(module).items() if inspect.isclass(value)]
        raise RequestError(f"{card.name}: module: {where} has no '{name}'; {did_you_mean(name, classes)}")
    arguments = dict(card.arch)
    core = construct(found, arguments, card)
    scale = card.scale or getattr(core, "scale", None) or getattr(core, "upscale", None)
    return Built(core, scale=scale if isinstance(scale, int) else None, multiple=window_of(found, arguments))


def _import_module(card: ModelCard, name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise RequestError(
            f"{card.name}: module: cannot import '{name}': {error}; is its folder on PYTHONPATH?"
        ) from None
    except Exception as error:
        raise RequestError(f"{card.name}: module: importing '{name}' raised {type(error).__name__}: {error}") from error


def _import_file(card: ModelCard, name: str) -> ModuleType:
    path = Path(card.folder, name).expanduser().resolve()
    if not path.is_file():
        raise RequestError(f"{card.name}: module: no such file: {path}")
    key = f"l2xbench_user_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}"
    if key in sys.modules:
        return sys.modules[key]
    spec = importlib.util.spec_from_file_location(key, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[key] = module
    sys.path.insert(0, str(path.parent))  # its imports of its neighbours work as when it is run
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[key]
        hint = "; name a package's file package.module:Class, and put the package's folder on PYTHONPATH"
        raise RequestError(
            f"{card.name}: module: {path} raised {type(error).__name__}: {error}{hint if _is_relative(error) else ''}"
        ) from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def _is_relative(error: Exception) -> bool:
    return isinstance(error, ImportError) and "relative import" in str(error)
