"""A stand-in for a CUDA graph, on the CPU: operations are noted with the memory that they read and wrote.

As a graph, a tape runs no Python of a network or of a rule when it is replayed; it reads the very memory that was read
when it was recorded, and writes to the very memory that was written. What a graph would have forgotten, or would go on
reading, a tape has forgotten, or goes on reading.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from l2xbench.attribution.captured.graphs import Computation

Noted = tuple[Any, tuple[Any, ...], dict[str, Any], Any]


class Tape:
    """One recorded computation."""

    alive = 0
    """Tapes that were not freed."""
    replays = 0

    def __init__(self, run: Computation, device: torch.device) -> None:
        assert device.type == "cpu"
        self._noted: list[Noted] = []
        with _Noting(self._noted):
            self.outputs = run()
        made = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in self._tensors()}
        self.bytes = sum(made.values())
        Tape.alive += 1

    def _tensors(self) -> list[Tensor]:
        return [t for *_, result in self._noted for t in tree_leaves(result) if isinstance(t, Tensor)]

    def replay(self) -> None:
        assert self._noted, "replayed after it was freed"
        Tape.replays += 1
        with torch.no_grad():
            for func, args, kwargs, result in self._noted:
                again = func(*args, **kwargs)
                if func._schema.is_mutable:
                    continue  # it has written to where it wrote
                for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                    if isinstance(old, Tensor) and old.untyped_storage().data_ptr() != new.untyped_storage().data_ptr():
                        old.copy_(new)

    @contextmanager
    def turn(self) -> Iterator[None]:
        yield

    def free(self) -> None:
        self._noted, self.outputs = [], ()
        Tape.alive -= 1


class _Noting(TorchDispatchMode):
    def __init__(self, noted: list[Noted]) -> None:
        super().__init__()
        self._noted = noted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(kind not in (Tensor, nn.Parameter) for kind in types):
            return NotImplemented
        # memory as it is seen now: the tensors themselves may be given another shape, or other memory, later
        given = tree_map_only(Tensor, Tensor.detach, (args, kwargs or {}))
        result = func(*args, **(kwargs or {}))
        if torch.Tag.inplace_view not in func.tags:
            self._noted.append((func, *given, tree_map_only(Tensor, Tensor.detach, result)))
        return result
