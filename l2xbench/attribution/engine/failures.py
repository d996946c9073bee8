"""What an exception from within a pass tells: whose it is, where it arose, what was claimed."""

from __future__ import annotations

import traceback

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.trace import Trace


def fails_alone(model: nn.Module, x: Tensor) -> bool:
    """Whether the network fails by itself on an input."""
    try:
        with torch.no_grad():
            model(x.clone())
    except Exception:
        return True
    return False


def submodule_of(error: Exception, trace: Trace) -> str:
    """The innermost submodule that an exception passed through."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    owner = next((f.f_locals["self"] for f in reversed(frames) if isinstance(f.f_locals.get("self"), nn.Module)), None)
    names = {id(module): name for name, module in trace.model.named_modules()}
    return names.get(id(owner)) or type(trace.model if owner is None else owner).__name__


def asserted(error: AssertionError, trace: Trace) -> str:
    """Which submodule asserts what."""
    said = str(error).strip().partition("\n")[0]
    claim = (traceback.extract_tb(error.__traceback__)[-1].line or "").removeprefix("assert ").strip()
    return f"{submodule_of(error, trace)} asserts `{claim}`, which does not hold" + (f": {said}" if said else "")
