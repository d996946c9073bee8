"""Operations that are not run as they stand: numbers taken out of tensors, fused attention, detachment.

The table names them (`special(...)` in `rules/table.py`); `HANDLERS` says what is done: a function of the pass, the
operation and its arguments, which gives the operation's result. Those of `RAGGED` come before an operation's rules,
and give both streams' results, or None where the rules will do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from l2xbench.attribution.engine import ragged
from l2xbench.attribution.engine.arguments import both_streams
from l2xbench.attribution.engine.assigned import assign
from l2xbench.attribution.engine.operations import operation_of
from l2xbench.attribution.engine.tensor import Paired, in_own_shells, paired
from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.rules.call import is_absent
from l2xbench.attribution.rules.quantized import Stepped
from l2xbench.attribution.rules.treatment import Handler

Special = Callable[[Trace, Any, Any, dict[str, Any]], Any]
aten = torch.ops.aten


def number(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`item()`, `bool()`, `int()`, `float()`: the value stream's number, in both streams. One that differs between them
    is reported.
    """
    value, reference = both_streams(trace, args[0])
    if value is reference:
        return func(value.detach())
    result, other = torch.stack([value.detach().reshape(()), reference.reshape(())]).tolist()  # one question for both
    if other != result:
        trace.record("item", "selection")
        trace.leaks.append(f"{CONVERSIONS.get(type(result), 'item')}() in {trace.where()}")
    return result


CONVERSIONS = {bool: "bool", int: "int", float: "float"}


def attention_kernel(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> int:
    """The kernel that PyTorch is to choose for attention: 0, the one made of products and a softmax."""
    return 0


def attention(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """A fused attention kernel, taken apart."""
    given = dict(zip(operation_of(func).arguments, args, strict=False)) | kwargs
    mask = given.get("attn_mask", given.get("attn_bias"))
    q, k, v = (a if isinstance(a, Paired) else Paired.of(a, a) for a in (given["query"], given["key"], given["value"]))
    with torch.no_grad():
        y, weights = aten._scaled_dot_product_attention_math(
            q, k, v, mask, 0.0, bool(given.get("is_causal", False)), scale=given.get("scale")
        )
    return (*in_own_shells((y, weights)), *(None,) * (len(func._schema.returns) - 2))


def detach(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The gradient would stop here; the difference does not."""
    value, _ = args[0].pair()
    if is_absent(value):  # autograd keeps such a one detached, whether or not it is used
        return args[0] if operation_of(func).writes else Paired.of(value, value)
    return args[0] if operation_of(func).writes else in_own_shells(aten.alias.default(args[0]))


def rrelu(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """RReLU, in evaluation a LeakyReLU whose slope is the mean of its bounds."""
    given = dict(zip(operation_of(func).arguments, args, strict=False)) | kwargs
    slope = (given.get("lower", 1 / 8) + given.get("upper", 1 / 3)) / 2
    if func._schema.name.endswith("_"):
        return aten.leaky_relu_.default(given["self"], slope)
    return in_own_shells(aten.leaky_relu.default(given["self"], slope))


def fused_fake_quantize(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Fake quantisation that keeps a moving range: each stream moves the range as it was, and the value stream's is
    kept.
    """
    value, reference = both_streams(trace, args[0])
    own = [a.clone() if isinstance(a, Tensor) else a for a in args[1:]]
    with torch.no_grad():
        y_ref, mask_ref = func(reference, *own, **kwargs)
        y, mask = func(value.detach(), *args[1:], **kwargs)
    return paired((Stepped.apply(value, reference, y, y_ref), mask), (y_ref, mask_ref))


HANDLERS: dict[Handler, Special] = {
    "number": number,
    "attention kernel": attention_kernel,
    "attention": attention,
    "detach": detach,
    "rrelu": rrelu,
    "assignment": assign,
    "fake quantisation": fused_fake_quantize,
    "ragged places": ragged.nonzero,
}

RAGGED: dict[Handler, Special] = {
    "ragged read": ragged.read,
    "ragged masked read": ragged.masked_select,
    "ragged write": ragged.write,
    "ragged masked write": ragged.masked_scatter,
    "ragged write along an axis": ragged.write_along,
}
