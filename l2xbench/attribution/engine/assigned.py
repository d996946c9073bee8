"""Another tensor's memory in the place of a tensor's own: `y.data = other`, `buffer.data = features`, `set_`."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine.storage import as_written, followed
from l2xbench.attribution.engine.tensor import Paired
from l2xbench.attribution.engine.trace import LOWER, Trace
from l2xbench.attribution.errors import UnsupportedOperationError
from l2xbench.system.torch_parts import no_dispatch


def assign(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`func(target, source, ...)`, an assignment. A paired target becomes a view of the source. A plain one (a buffer,
    a parameter) gets the value stream's numbers, in memory that is followed from now on.

    Raises:
        UnsupportedOperationError: the source is no tensor.
    """
    target, source = args[:2]
    if not isinstance(source, Tensor):
        raise UnsupportedOperationError(
            f"set_ in {trace.where()} gives a tensor that depends on the input other memory; use a tensor, or copy_"
        )
    if not isinstance(source, Paired):
        source = as_written(trace, source) or source
    if not isinstance(target, Paired) and not isinstance(source, Paired):
        return func(*args, **kwargs)
    if not isinstance(source, Paired):
        plain = source.detach()
        plain = plain.to(trace.raised(plain.dtype)) if plain.dtype in LOWER else plain
        source = Paired.of(plain, plain)
    if isinstance(target, Paired):
        if source.root is not target:
            with no_dispatch():
                Tensor.data.__set__(target, source.in_own_shell())  # type: ignore[attr-defined]
            target.share(source)
        return target
    value, reference = source.pair()
    Tensor.data.__set__(target, value.detach().clone())  # type: ignore[attr-defined]
    place = followed(trace, target)
    place.write(value, reference)
    return target


def set_by_place(target: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`Tensor.set_`, but a part of a paired tensor's memory is taken as a view first: PyTorch would take the memory
    of the shell, which has none, before any operation is met.
    """
    if len(args) > 1 and isinstance(args[0], Paired):
        source, offset, size, stride = (*args, None)[:4]
        stride = torch.empty(size, device="meta").stride() if stride is None else stride
        with torch.no_grad():
            return PLAIN_SET(target, source.as_strided(size, stride, offset))
    return PLAIN_SET(target, *args, **kwargs)


PLAIN_SET = Tensor.set_
Tensor.set_ = set_by_place  # type: ignore[assignment,method-assign]
