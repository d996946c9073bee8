"""PyTorch's private parts that exact maps stand on: all of them, here and nowhere else.

A release of PyTorch may rename or remove any of them. What is missing is told by name, with the releases that were
tested, before a map is made; `l2xbench doctor` shows the list.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch

from l2xbench.errors import RequestError

TESTED = ("2.4", "2.15")
"""The oldest and the newest release that the tests pass with."""
PARTS = {
    "tree_map_only": "torch.utils._pytree",
    "tree_leaves": "torch.utils._pytree",
    "tree_flatten": "torch.utils._pytree",
    "tree_unflatten": "torch.utils._pytree",
    "no_dispatch": "torch.utils._mode_utils",
    "TorchDispatchMode": "torch.utils._python_dispatch",
    "flop_registry": "torch.utils.flop_counter",
    "HigherOrderOperator": "torch._ops",
    "DisableTorchFunction": "torch._C",
    "_RestorePythonTLSSnapshot": "torch._C",
    "_disabled_torch_function_impl": "torch._C",
    "_set_grad_enabled": "torch._C",
    "_dispatch_has_kernel_for_dispatch_key": "torch._C",
    "_dispatch_get_all_op_names": "torch._C",
}
"""Part -> the module of PyTorch that it is in."""


def missing_parts() -> list[str]:
    """The parts that this PyTorch does not have, `module.name` each."""
    return [f"{module}.{name}" for name, module in PARTS.items() if _found(module, name) is None]


def require_parts() -> None:
    """Tells what is missing.

    Raises:
        RequestError: a part is missing.
    """
    missing = missing_parts()
    if missing:
        oldest, newest = TESTED
        raise RequestError(
            f"torch {torch.__version__} has no {missing[0]}, which exact maps need; tested are {oldest} to "
            f"{newest}: pip install 'torch=={newest}.*'"
        )


def _found(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:
        return None


require_parts()

tree_map_only: Callable[..., Any] = _found(PARTS["tree_map_only"], "tree_map_only")
tree_leaves: Callable[[Any], list[Any]] = _found(PARTS["tree_leaves"], "tree_leaves")
tree_flatten: Callable[[Any], tuple[list[Any], Any]] = _found(PARTS["tree_flatten"], "tree_flatten")
tree_unflatten: Callable[[Any, Any], Any] = _found(PARTS["tree_unflatten"], "tree_unflatten")
no_dispatch: Callable[[], Any] = _found(PARTS["no_dispatch"], "no_dispatch")
"""A context in which no `__torch_dispatch__` runs."""
TorchDispatchMode: Any = _found(PARTS["TorchDispatchMode"], "TorchDispatchMode")
"""What sees every operation that runs within it; `torch.utils` documents it, under a private name."""
flop_registry: dict[Any, Callable[..., Any]] = _found(PARTS["flop_registry"], "flop_registry")
"""Operation -> what counts its floating-point operations: the formulas of `FlopCounterMode`."""
HigherOrderOperator: Any = _found(PARTS["HigherOrderOperator"], "HigherOrderOperator")
DisableTorchFunction: Callable[[], Any] = _found(PARTS["DisableTorchFunction"], "DisableTorchFunction")
RestoreDispatch: Callable[[], Any] = _found(PARTS["_RestorePythonTLSSnapshot"], "_RestorePythonTLSSnapshot")
"""A context in which a `__torch_dispatch__` may be entered again from within one."""
disabled_torch_function: Any = _found(PARTS["_disabled_torch_function_impl"], "_disabled_torch_function_impl")
set_grad_enabled: Callable[[bool], None] = _found(PARTS["_set_grad_enabled"], "_set_grad_enabled")
"""`torch.set_grad_enabled` without its layer of Python, which every operation would pass through."""
has_kernel: Callable[[str, str], bool] = _found("torch._C", "_dispatch_has_kernel_for_dispatch_key")
"""Whether an operation has a kernel of its own for a dispatch key."""
all_operations: Callable[[], list[str]] = _found("torch._C", "_dispatch_get_all_op_names")
clear_cublas_workspaces: Callable[[], None] | None = _found("torch._C", "_cuda_clearCublasWorkspaces")
"""Gives back what cuBLAS holds; None where PyTorch has no CUDA, and nothing is missed then."""
