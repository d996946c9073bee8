"""Counts what code asks the host: every operation whose answer Python, or the size of a tensor, waits for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

ASKING = {
    "_local_scalar_dense", "equal", "is_nonzero", "nonzero", "nonzero_numpy", "masked_select", "_unique2",
    "unique_dim", "unique_consecutive", "bincount", "repeat_interleave", "allclose",
}  # fmt: skip
"""ATen operations for which a device must have ended what was queued."""
LEAVING = {Tensor.tolist, Tensor.numpy, Tensor.cpu, Tensor.__array__}
"""Methods that take numbers out of a tensor by no operation of their own on a CPU."""


class _Operations(TorchDispatchMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(kind not in (Tensor, nn.Parameter) for kind in types):
            return NotImplemented  # a tensor of another kind takes its operation apart; its parts come back here
        name = func._schema.name.partition("::")[2]
        by_mask = (
            name.startswith("index")
            and len(args) > 1
            and isinstance(args[1], (list, tuple))
            and any(isinstance(index, Tensor) and index.dtype in (torch.bool, torch.uint8) for index in args[1])
        )
        if name in ASKING or by_mask:
            self.found.append(name)
        return func(*args, **(kwargs or {}))


class _Methods(TorchFunctionMode):
    def __init__(self, found: list[str]) -> None:
        super().__init__()
        self.found = found

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in LEAVING:
            self.found.append(func.__name__)
        return func(*args, **(kwargs or {}))


@contextmanager
def asked() -> Iterator[list[str]]:
    """The names of what is asked within, in order."""
    found: list[str] = []
    with _Operations(found), _Methods(found):
        yield found
