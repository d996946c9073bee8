"""What a recorded pass takes for given of a network: everything that its Python would read again.

Numbers on the device are not in it: a graph reads them where they lie, so that weights changed in place are seen. What
a graph would go on reading, or go on doing, although the network has something else by now, is: where its tensors lie,
its attributes, which submodules it has, and what its methods and the functions that they call read of their modules.
"""

from __future__ import annotations

import argparse
import functools
import types
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules import module as module_file

from l2xbench.attribution.captured.questions import NotCapturableError
from l2xbench.attribution.engine.draws import GENERATORS, place_of
from l2xbench.attribution.engine.state import modules_of, of_a_library

OF_MODULES = frozenset(nn.Module().__dict__) - {"training"}
"""Attributes that each module has, and which are looked at by themselves."""
PLAIN = (int, float, complex, bool, str, bytes, type(None), torch.dtype, torch.device, torch.Size)
IMMUTABLE = (np.generic, Fraction, Decimal, range, slice)
"""Besides those, what is compared as it is."""
DEPTH = 8
SHALLOW = 4
"""The depth from which on a module's variable is followed: deep enough for settings, not for all that hangs on it."""
LARGEST = 1 << 16
"""Bytes up to which an array's content is compared, and not its checksum."""
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
NAMESPACES = (types.SimpleNamespace, argparse.Namespace)
"""The standard library's objects that are there to hold what others set."""
GLOBAL_HOOKS = ("_global_forward_hooks", "_global_forward_pre_hooks", "_global_backward_hooks")

State = tuple[Any, ...]


def state_of(network: nn.Module, device: torch.device) -> State:
    """All that a pass of the network takes for given; two that are equal make the same pass.

    Examples:
        >>> network = nn.Sequential(nn.Conv2d(3, 3, 3), nn.ReLU())
        >>> before = state_of(network, torch.device("cpu"))
        >>> with torch.no_grad():
        ...     _ = network[0].weight.mul_(2)  # read where it lies
        >>> state_of(network, torch.device("cpu")) == before
        True
        >>> network[1] = nn.Identity()
        >>> state_of(network, torch.device("cpu")) == before
        False

    Raises:
        NotCapturableError: a pass of it does something that a replay would not do; says what.
    """
    if any(getattr(module_file, name, None) for name in GLOBAL_HOOKS):
        raise NotCapturableError("hooks on all modules are set")
    described = _Description(device)
    return tuple(described.of_module(module) for module in modules_of(network))


class _Description:
    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._seen: set[int] = set()

    def of_module(self, module: nn.Module) -> State:
        self._seen.add(id(module))
        own = module.__dict__
        for name in HOOKS:
            for hook in (own.get(name) or {}).values():
                if not type(hook).__module__.startswith("torch.nn.utils."):  # weights of two factors are no secret
                    raise NotCapturableError(f"{type(module).__name__} has hooks, which a replay would not run")
        if type(module).__module__.startswith("torch.ao."):
            raise NotCapturableError(f"{type(module).__name__} observes what it is given")
        if isinstance(module, torch.jit.ScriptModule):
            raise NotCapturableError("it is a TorchScript program in part, whose attributes Python does not see")
        tensors = [*own.get("_parameters", {}).items(), *own.get("_buffers", {}).items()]
        return (
            id(module),
            self.of_class(type(module)),
            tuple(own.get("_modules", ())),
            tuple((name, self.of_tensor(tensor)) for name, tensor in tensors if tensor is not None),
            tuple((name, self.of(value, 0)) for name, value in own.items() if name not in OF_MODULES),
        )

    def of_class(self, kind: type) -> State:
        """A class of the network's or of settings: its methods, and the values that all its objects share."""
        if id(kind) in self._seen or of_a_library(kind.__module__):
            return (id(kind),)
        self._seen.add(id(kind))
        own = [each for each in kind.__mro__ if not of_a_library(each.__module__)]
        shared = ((name, value) for each in own for name, value in list(vars(each).items()))
        return id(kind), tuple((name, self.of(_function_in(value), 1)) for name, value in shared)

    def of_function(self, function: types.FunctionType, depth: int) -> Any:
        """A function, with the variables that it was made with and those that it reads of its module."""
        if id(function) in self._seen or depth > DEPTH or of_a_library(function.__module__ or ""):
            return id(function)
        self._seen.add(id(function))
        cells = []
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # an empty one
                cells.append(self.of(cell.cell_contents, depth + 1))
        given = self.of(function.__defaults__, depth + 1), self.of(function.__kwdefaults__, depth + 1)
        return id(function), id(function.__code__), given, tuple(cells), self.of_globals(function, depth + 1)

    def of_globals(self, function: types.FunctionType, depth: int) -> State:
        """The variables of its module that a function reads, and those of other modules that it names."""
        names = tuple(_names(function.__code__))
        found, read = function.__globals__, []
        for name in names:
            if name not in found:
                continue
            value = found[name]
            read.append((name, self.of(value, max(depth, SHALLOW))))
            if isinstance(value, types.ModuleType) and not of_a_library(value.__name__):
                inside = vars(value)
                read += [(each, self.of(inside[each], max(depth, SHALLOW))) for each in names if each in inside]
        return tuple(read)

    def of_tensor(self, tensor: Tensor) -> State:
        if nn.parameter.is_lazy(tensor) or tensor.layout != torch.strided:
            raise NotCapturableError("it has a tensor without a place in memory")
        if tensor.dtype in (torch.float16, torch.bfloat16):
            raise NotCapturableError("it is in half precision, which is raised for each map")
        here = tensor.device.type == self._device.type or tensor.is_inference()
        return (
            *(id(tensor), tensor.data_ptr(), tensor.shape, tensor.stride(), tensor.dtype, tensor.device),
            0 if here else tensor._version,
        )

    def of(self, value: Any, depth: int) -> Any:
        """A value that an attribute has, by content as far as it can be told."""
        kind = type(value)
        if kind in PLAIN or isinstance(value, IMMUTABLE):  # others take the place in memory of one that was replaced
            return kind, value
        if isinstance(value, Tensor):
            return self.of_tensor(value)
        if isinstance(value, types.FunctionType):
            return self.of_function(value, depth)
        if isinstance(value, GENERATORS):
            return id(value), self.of(place_of(value), depth)
        if isinstance(value, type):
            return self.of_class(value)
        if isinstance(value, (types.BuiltinFunctionType, types.ModuleType)):
            return id(value)
        if id(value) in self._seen or depth > DEPTH:
            return id(value)
        self._seen.add(id(value))
        if isinstance(value, functools.partial):
            return kind, tuple(self.of(each, depth + 1) for each in (value.func, value.args, value.keywords))
        if isinstance(value, (list, tuple, deque)):
            return kind, tuple(self.of(each, depth + 1) for each in value)
        if isinstance(value, (set, frozenset)):
            return kind, frozenset(each if type(each) in PLAIN else id(each) for each in value)
        if isinstance(value, Mapping):
            return kind, tuple((self.of(key, DEPTH), self.of(each, depth + 1)) for key, each in value.items())
        if isinstance(value, np.ndarray):
            content = value.tobytes()
            return value.dtype.str, value.shape, content if value.nbytes <= LARGEST else zlib.crc32(content)
        if isinstance(value, nn.Module):  # kept in a list, say
            return self.of_module(value)
        if of_a_library(kind.__module__) and kind not in NAMESPACES:
            return id(value)
        own = getattr(value, "__dict__", None)
        held = {**(own if isinstance(own, dict) else {}), **_in_slots(value)}
        return id(value), tuple((name, self.of(each, depth + 1)) for name, each in held.items())


def _in_slots(value: Any) -> dict[str, Any]:
    """The attributes of an object whose class names them (`dataclass(slots=True)`)."""
    found = {}
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            with suppress(AttributeError):  # not set yet
                found[name] = getattr(value, name)
    return found


def _function_in(value: Any) -> Any:
    """The function of a method, whichever kind it is; another value as it is."""
    if isinstance(value, (staticmethod, classmethod)):
        return value.__func__
    return value.fget if isinstance(value, property) else value


def _names(code: types.CodeType) -> Iterator[str]:
    """The names that code reads, that of functions within it too."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)
