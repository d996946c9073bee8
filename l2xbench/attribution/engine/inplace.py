"""Operations that write to their arguments: run in their functional form, the result then put where it belongs.

Also what changes a tensor's own geometry (`unsqueeze_`), and random filling (`normal_`).
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine.discrete import (
    as_number,
    constants_chosen,
    remember_copy,
    remember_origin,
    remember_write,
    with_numbers,
)
from l2xbench.attribution.engine.operations import Operation, operation_of
from l2xbench.attribution.engine.storage import followed, require_seen
from l2xbench.attribution.engine.streams import streams
from l2xbench.attribution.engine.tensor import Paired, paired
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.engine.views import View, take_again
from l2xbench.attribution.errors import UnsupportedOperationError
from l2xbench.attribution.rules.call import differentiable
from l2xbench.system.torch_parts import no_dispatch


def write(trace: Trace, operation: Operation, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """An in-place operation or one with `out=`.

    Raises:
        UnsupportedOperationError: it has no functional form.
    """
    targets = [
        args[w] if isinstance(w, int) else kwargs[w] for w in operation.writes if isinstance(w, int) or w in kwargs
    ]
    if operation.name == "resize_as_":
        size = args[1].shape
        if isinstance(targets[0], Paired):
            return reshape_in_place(targets[0], "resize_", torch.ops.aten.resize_.default, (targets[0], size), {})
        return torch.ops.aten.resize_.default(targets[0], size)
    if operation.fills:
        return fill(trace, targets[0], func, args, kwargs)
    if torch.Tag.inplace_view in func.tags and isinstance(targets[0], Paired):
        return reshape_in_place(targets[0], operation.name, func, args, kwargs)
    if operation.functional is None:
        raise UnsupportedOperationError(
            f"{operation.name} (in {trace.where()}) changes a tensor in place and is not supported"
        )
    options = {k: v for k, v in kwargs.items() if k not in operation.writes}
    form = operation_of(operation.functional)
    if form.row.takes_truths and (form.name != "copy" or differentiable(targets[0])):
        args = with_numbers(trace, form, args, kwargs)
    numeric = constants_chosen(trace, form.name, args) if form.name == "masked_fill" and len(args) == 3 else None
    value, reference = (
        numeric.pair() if numeric is not None else streams(trace, form, operation.functional, args, options)
    )
    result = paired(value, reference)
    remember_origin(form, operation.functional, args, options, result)
    results = (result,) if isinstance(result, Paired) else tuple(result)
    gives_out = not isinstance(operation.writes[0], int)
    for target, item in zip(targets, results, strict=False):
        if differentiable(target):
            item = as_number(trace, item)
        elif form.name == "copy":
            remember_copy(trace, args[1], item)
        if gives_out and target.shape != item.shape:
            resize(target, item)
        write_pair(trace, target, item)
    return targets[0] if len(targets) == 1 else tuple(targets)


def resize(target: Tensor, result: Paired) -> None:
    """Give a tensor that is written to by `out=` the result's size, as PyTorch does: it becomes another."""
    value = result.pair()[0]
    with no_dispatch():
        if isinstance(target, Paired):
            fresh = Paired.of(*2 * (torch.zeros_like(value, dtype=target.dtype),))
            Tensor.data.__set__(target, fresh)  # type: ignore[attr-defined]
            target.share(fresh)
        else:
            target.resize_(value.shape)


def fill(trace: Trace, target: Tensor, func: Any, args: Any, kwargs: dict[str, Any]) -> Tensor:
    """Random numbers, drawn once for both streams."""
    like = target.pair()[0] if isinstance(target, Paired) else target
    lower = trace.draws_in if like.dtype == trace.dtype and isinstance(target, Paired) else None
    with torch.no_grad():
        fresh = torch.empty_like(like, dtype=lower)
        func(fresh, *args[1:], **kwargs)
        fresh = fresh.to(like.dtype)
    write_pair(trace, target, Paired.of(fresh, fresh))
    return target


def reshape_in_place(target: Paired, name: str, func: Any, args: Any, kwargs: dict[str, Any]) -> Paired:
    """`squeeze_`, `transpose_` ...: the shell's own geometry changes, and it becomes a view of what it was."""
    before = Paired.of(*target.pair())
    if name == "resize_":
        if target.numel() != math.prod(args[1]):
            raise UnsupportedOperationError(
                f"{name} changes the size of a tensor that depends on the input; make another, or take a part"
            )
        view = View(torch.ops.aten.view.default, (list(args[1]),), {})
    else:
        packet = getattr(torch.ops.aten, name.removesuffix("_"))
        overload = func._overloadname if func._overloadname in packet.overloads() else packet.overloads()[0]
        view = View(getattr(packet, overload), args[1:], kwargs)
    value, reference = before.pair()
    same = value is reference
    value = view(value)
    reference = value if same else take_again(reference, (view,), grad=False)
    with no_dispatch():
        func(*args, **kwargs)
    target.become_view(before, view, value, reference)
    return target


def write_pair(trace: Trace, target: Tensor, written: Paired) -> None:
    """Write a pair into a paired tensor, or into a plain one that is followed from now on; in the target's type and
    shape.
    """
    if not isinstance(target, Paired):
        require_seen(trace)
        target = followed(trace, target)
    value, reference = written.pair()
    before = None if differentiable(target) else target.root.as_it_is()
    current, _ = target.pair()
    same = reference is value
    if value.dtype != current.dtype:
        value = value.to(current.dtype)
    if value.shape != current.shape:
        value = value.expand(current.shape)
    if same:
        reference = value
    else:
        with torch.no_grad():
            reference = reference.to(current.dtype).expand(current.shape)
    target.write(value, reference)
    if before is not None:
        remember_write(trace, target, before, written)
