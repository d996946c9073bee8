"""The network's own state: taken before it runs, put back after, so that an explanation leaves no trace."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.draws import GENERATORS, place_of, put_back


def modules_of(model: nn.Module) -> list[nn.Module]:
    """All submodules, the model first: `model.modules()`, which takes as long as a small network's forward pass."""
    found, waiting = {id(model): model}, [model]
    while waiting:
        for child in waiting.pop()._modules.values():
            if child is not None and id(child) not in found:
                found[id(child)] = child
                waiting.append(child)
    return list(found.values())


def names_of(model: nn.Module) -> dict[int, str]:
    """The submodules' names by `id`, as `model.named_modules()` gives them, without its generators in generators."""
    found: dict[int, str] = {}
    waiting = [("", model)]
    while waiting:
        name, module = waiting.pop()
        if id(module) not in found:
            found[id(module)] = name
            within = name + "." if name else ""
            children = [(within + key, child) for key, child in module._modules.items() if child is not None]
            waiting += reversed(children)
    return found


def parameters_and_buffers(model: nn.Module) -> list[Tensor]:
    """All parameters and buffers, each once."""
    own = (d for module in modules_of(model) for d in (module._parameters, module._buffers))
    return list({id(t): t for tensors in own for t in tensors.values() if t is not None}.values())


def elsewhere(tensor: Tensor, memory: Tensor) -> bool:
    """Whether a tensor no longer lies where it lay."""
    if tensor.layout != torch.strided or memory.layout != torch.strided:
        return False
    alike = tensor.dtype == memory.dtype and tensor.shape == memory.shape and tensor.stride() == memory.stride()
    return not alike or tensor.data_ptr() != memory.data_ptr()


class WrittenError(Exception):
    """A network has written to its own tensors, of which there is no copy here."""


_local = threading.local()


@contextmanager
def with_contents_kept(model: nn.Module) -> Iterator[None]:
    """Within, `preserved` copies no content, which a recorded pass would do again each time: it is copied here.

    Raises:
        WrittenError: from the `preserved` within, the network wrote to its own tensors. They are put back by then.
    """
    with preserved(model):
        before, _local.kept = getattr(_local, "kept", False), True
        try:
            yield
        finally:
            _local.kept = before


PLAIN = frozenset({int, float, bool, str, type(None), type(lambda: None)})
HOLDERS = frozenset({dict, OrderedDict, list, set})
DEEPEST_OBJECT = 3
"""The depth from which on objects of the user's are left as they are."""
SHALLOW = 6
"""The depth from which on containers are put back, and not what is in them."""
LARGEST_SHARED = 1000
"""Items up to which a list or a dict that all objects of a class, or a file's functions, share is put back."""
LIBRARIES = sys.stdlib_module_names | {"torch", "torchvision", "numpy"}
"""Modules whose own variables, and whose objects, are no network's."""


def of_a_library(module: str) -> bool:
    """Whether a module, by its whole name, is one of those or lies within one."""
    return module.partition(".")[0] in LIBRARIES


def is_the_users(value: Any) -> bool:
    """Whether a value is an object of a class of the user's, with attributes: a cache, a controller."""
    if isinstance(value, nn.Module) or of_a_library(type(value).__module__):
        return False
    return type(getattr(value, "__dict__", None)) is dict


def same_items(live: Any, before: Any) -> bool:
    """Whether a list, dict or set holds the very objects that it held."""
    if len(live) != len(before) or not before:
        return not live and not before
    if isinstance(live, list):
        return all(one is other for one, other in zip(live, before, strict=True))
    if isinstance(live, dict):
        return all(key in live and live[key] is value for key, value in before.items())
    return all(item in live for item in before)


def put_back_class(kind: type, before: dict[str, Any]) -> None:
    """Give a class the attributes that it had, but for Python's own."""
    now = vars(kind)
    for name in [name for name in now if name not in before and not name.startswith("__")]:
        delattr(kind, name)
    for name, value in before.items():
        if now.get(name) is not value and not name.startswith("__"):
            setattr(kind, name, value)


@contextmanager
def preserved(
    model: nn.Module, exposed: Container[int] = (), *, parameters: bool = True
) -> Iterator[Callable[[], frozenset[int]]]:
    """Put back parameters, buffers, attributes (also inside lists, dicts and sets), generators of random numbers, hooks
    and training flags on leaving. Gives a function that says which storage has been written to. `exposed`, asked on
    leaving, has the storage that was written to past its version (`parameter.data`). Without `parameters` their
    numbers, which few networks write to, are not copied.
    """
    attributes: list[tuple[dict[str, Any], dict[str, Any]]] = []
    objects: list[tuple[dict[str, Any], dict[str, Any]]] = []
    containers: list[tuple[Any, Any]] = []
    tensors: dict[int, tuple[Tensor, Tensor, Tensor | None, int, bool]] = {}
    generators: list[tuple[Any, Any]] = []
    seen: set[int] = set()
    kept = getattr(_local, "kept", False)

    def note(value: Any, depth: int = 0, within: bool = False) -> None:
        """Note what a value is now. `within` an object, tensors are not copied: who knows what hangs on it."""
        kind = type(value)
        if kind in PLAIN:
            return
        if kind in HOLDERS and not value:  # as most of a module's own are, which are many
            containers.append((value, ()))
            return
        if isinstance(value, Tensor):
            # a tensor kept from a call in inference mode has no version, and cannot be written to from here either
            settled = value.is_inference() or torch.nn.parameter.is_lazy(value)
            if id(value) not in tensors and not settled and not within:
                memory = value.detach()
                content = None if kept else memory.clone()
                tensors[id(value)] = (value, memory, content, value._version, value.requires_grad)
            return
        if id(value) in seen or depth > SHALLOW:
            return
        if isinstance(value, GENERATORS):
            seen.add(id(value))
            generators.append((value, place_of(value)))
        elif isinstance(value, (list, set, dict)):
            seen.add(id(value))
            containers.append((value, value.copy() if value else ()))
            for item in list(value.values()) if isinstance(value, dict) else list(value):
                note(item, depth + 1, within)
        elif isinstance(value, tuple):
            for item in value:
                note(item, depth + 1, within)
        elif depth < DEEPEST_OBJECT and is_the_users(value):
            seen.add(id(value))
            own = value.__dict__
            objects.append((own, dict(own)))
            for item in list(own.values()):
                note(item, depth + 1, True)

    unseen: set[int] = set()
    for module in modules_of(model):
        if type(module).__module__.startswith("torch.ao."):  # observers' kernels write without a new version
            unseen.update(id(t) for t in module._buffers.values() if t is not None)
        if any(t is not None and nn.parameter.is_lazy(t) for t in module._parameters.values()):
            continue  # it becomes another module in its first pass
        attributes.append((module.__dict__, dict(module.__dict__)))
        for name, value in list(module.__dict__.items()):
            if parameters or name != "_parameters":
                note(value)
            elif isinstance(value, dict):
                containers.append((value, dict(value)))

    classes: list[tuple[type, dict[str, Any]]] = []
    for kind in {each for module in modules_of(model) for each in type(module).__mro__}:
        if of_a_library(kind.__module__):
            continue
        shared = dict(vars(kind))
        classes.append((kind, shared))
        variables = vars(sys.modules[kind.__module__]) if kind.__module__ in sys.modules else {}
        for value in [*shared.values(), *list(variables.values())]:
            if type(value) in HOLDERS and len(value) <= LARGEST_SHARED:
                note(value, SHALLOW, True)

    def written() -> frozenset[int]:
        return frozenset(
            memory.untyped_storage().data_ptr()
            for tensor, memory, _, version, _ in tensors.values()
            if tensor._version != version
        )

    try:
        yield written
    finally:
        with torch.no_grad():
            for live, before in attributes:
                live.clear()
                live.update(before)
            for kind, shared in classes:
                put_back_class(kind, shared)
            for live, before in [*objects, *containers]:  # others may be reading them in another thread
                if same_items(live, before):
                    continue
                if isinstance(live, list):
                    live[:] = before
                else:
                    live.clear()
                    live.update(before)
            for generator, place in generators:
                put_back(generator, place)
            for tensor, memory, content, version, requires_grad in tensors.values():
                if elsewhere(tensor, memory):  # after `tensor.data = other`
                    tensor.data = memory
                written_past = exposed and memory.untyped_storage().data_ptr() in exposed
                if tensor._version != version or id(tensor) in unseen or written_past:
                    if content is None:
                        raise WrittenError
                    tensor.copy_(content)
                tensor.requires_grad_(requires_grad) if tensor.is_leaf else None


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode for every submodule; each one's own flag is put back."""
    # a frozen TorchScript program has no flag
    flags = [(module, module.training) for module in modules_of(model) if hasattr(module, "training")]
    with suppress(NotImplementedError):  # a program of torch.export's is in the mode that it was exported in
        model.eval()
    try:
        yield
    finally:
        for module, flag in flags:
            module.training = flag
