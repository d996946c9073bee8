"""Operations that are not run as they stand: numbers taken out of tensors, fused attention, detachment."""

from __future__ import annotations

from typing import Any

import torch

from l2xbench.attribution import mutation
from l2xbench.attribution.dispatch import SPECIAL, Paired, Session, run, split, store


def scalar(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """`item()`, `bool()`, `int()`: the value stream decides. A float that differs between the streams is reported."""
    value, reference = split(state, args[0])
    result = func(value.detach())
    if value is not reference and func(reference) != result:
        state.record("item", "selection")
        state.leaks.append(f"{CONVERSIONS.get(type(result), 'item')}() in {state.where()}")
    return result


CONVERSIONS = {bool: "bool", int: "int", float: "float"}


def choose_math(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> int:
    """Attention is taken apart into products and a softmax."""
    return 0


def attention(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """A fused attention kernel, taken apart."""
    names = mutation.traits(func).arguments
    given = dict(zip(names, args, strict=False)) | kwargs
    mask = given.get("attn_mask", given.get("attn_bias"))
    q, k, v = (a if isinstance(a, Paired) else Paired.of(a, a) for a in (given["query"], given["key"], given["value"]))
    with torch.no_grad():
        y, weights = torch.ops.aten._scaled_dot_product_attention_math(
            q, k, v, mask, 0.0, bool(given.get("is_causal", False)), scale=given.get("scale")
        )
    return (y, weights, *(None,) * (len(func._schema.returns) - 2))


def detach(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """The gradient would stop here; the difference does not."""
    return run(state, torch.ops.aten.alias.default, args, {})


def leaky(state: Session, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """RReLU, in evaluation a LeakyReLU whose slope is the mean of its bounds."""
    given = dict(zip(mutation.traits(func).arguments, args, strict=False)) | kwargs
    slope = (given.get("lower", 1 / 8) + given.get("upper", 1 / 3)) / 2
    result = run(state, torch.ops.aten.leaky_relu.default, (given["self"], slope), {})
    if func._schema.name.endswith("_"):
        store(state, given["self"], *result.pair())
        return given["self"]
    return result


SPECIAL |= {
    "rrelu_with_noise": leaky,
    "rrelu_with_noise_": leaky,
    "_local_scalar_dense": scalar,
    "is_nonzero": scalar,
    "_fused_sdp_choice": choose_math,
    "_scaled_dot_product_flash_attention_for_cpu": attention,
    "_scaled_dot_product_flash_attention": attention,
    "_scaled_dot_product_efficient_attention": attention,
    "_scaled_dot_product_cudnn_attention": attention,
    "_scaled_dot_product_fused_attention_overrideable": attention,
    "detach": detach,
    "detach_": lambda state, func, args, kwargs: args[0],
}
