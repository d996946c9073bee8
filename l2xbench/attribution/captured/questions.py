"""What a recorded computation cannot hold: a question to the host, and a random number.

A graph of a device's kernels is replayed with no Python: what the host read of a tensor while it was recorded would be
true of that image alone, and what was drawn would be drawn once. Either is found while a pass is made under `Unasked`,
before the device itself would refuse.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.system.torch_parts import TorchDispatchMode, tree_leaves

READS = frozenset({"_local_scalar_dense", "item", "equal", "is_nonzero", "allclose", "_linalg_check_errors"})
"""Operations that give the host a number."""
SIZED = frozenset(
    {"nonzero", "masked_select", "unique_dim", "_unique2", "_unique", "unique_consecutive", "bincount", "argwhere"}
)
"""Operations whose result has a size that depends on numbers."""
BY_INDEX = frozenset({"index", "index_put", "index_put_", "_unsafe_index", "_unsafe_index_put", "_index_put_impl_"})
"""Operations that look for the places of a truth tensor, where they are given one as an index."""
MOVES = frozenset({"_to_copy", "copy_", "copy"})
"""Operations that may bring numbers from one device to another."""


class NotCapturableError(BaseException):
    """A pass cannot be recorded; says why. No `Exception`: the engine turns those into errors of the network's own."""


class Unasked(TorchDispatchMode):  # type: ignore[misc]
    """Within, what cannot be recorded raises.

    Args:
        device: where the pass is made; other devices' tensors, such as a constant on the host, may be read.

    Examples:
        >>> with Unasked(torch.device("cpu")):
        ...     bool(torch.ones(1).sum() > 0)
        Traceback (most recent call last):
        ...
        l2xbench.attribution.captured.questions.NotCapturableError: the host reads a number (_local_scalar_dense)
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()
        self._kind = device.type

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(kind not in (Tensor, nn.Parameter) for kind in types):
            return NotImplemented  # a tensor of another kind takes its operation apart first; the parts come back here
        name = func._schema.name.partition("::")[2]
        if torch.Tag.nondeterministic_seeded in func.tags and _draws(func, args, kwargs or {}):
            raise NotCapturableError(f"it draws random numbers ({name})")
        if name in READS or name in SIZED or name in BY_INDEX or name in MOVES:
            self._look(name, args, kwargs or {})
        return func(*args, **(kwargs or {}))

    def _look(self, name: str, args: Any, kwargs: dict[str, Any]) -> None:
        given = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
        kinds = {t.device.type for t in given}
        if name in MOVES:
            kinds |= {torch.device(kwargs["device"]).type} if kwargs.get("device") is not None else set()
            if self._kind != "cpu" and self._kind in kinds and len(kinds) > 1:
                raise NotCapturableError(f"numbers go between host and device ({name})")
            return
        if self._kind not in kinds:
            return
        if name in READS:
            raise NotCapturableError(f"the host reads a number ({name})")
        if name in SIZED:
            raise NotCapturableError(f"the size of a result depends on numbers ({name})")
        if name in BY_INDEX and any(
            index is not None and index.dtype in (torch.bool, torch.uint8) and index.device.type == self._kind
            for index in args[1]
        ):
            raise NotCapturableError(f"a truth tensor is used as an index ({name})")


def _draws(func: Any, args: Any, kwargs: dict[str, Any]) -> bool:
    """Whether an operation that may draw random numbers does so: attention without dropout does not."""
    named = {each.name: each.default_value for each in func._schema.arguments if each.has_default_value()}
    named |= dict(zip((each.name for each in func._schema.arguments), args, strict=False)) | kwargs
    if "dropout_p" in named:
        return bool(named["dropout_p"])
    return not any(named.get(name) is False for name in ("train", "training"))
