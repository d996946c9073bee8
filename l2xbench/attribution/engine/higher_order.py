"""Operations that are given functions: `flex_attention`, `torch.cond`."""

from __future__ import annotations

import sys
from typing import Any

from l2xbench.attribution.engine.trace import Trace
from l2xbench.attribution.errors import UnsupportedOperationError


def higher_order(trace: Trace, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """A higher-order operation, written by ordinary ones.

    Raises:
        UnsupportedOperationError: it is not known how.
    """
    name = func.name()
    if name == "flex_attention":
        module = sys.modules["torch._higher_order_ops.flex_attention"]
        if hasattr(module, "math_attention"):  # PyTorch's own, of products and a softmax
            return module.math_attention(*args, **kwargs)
    if name == "cond":
        chosen, otherwise, operands = args[1:4]
        return chosen(*operands) if bool(args[0]) else otherwise(*operands)
    if name == "tag_activation_checkpoint":
        return args[0](*args[1:])
    raise UnsupportedOperationError(
        f"{name} in {trace.where()} is given a function, which cannot be explained; write it with ordinary operations"
    )
