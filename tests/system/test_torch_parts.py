"""PyTorch's private parts do what the engine takes them to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from l2xbench.system import torch_parts

PACKAGE = Path(torch_parts.__file__).parents[1]


def test_the_engine_uses_no_other() -> None:
    """`torch._something` stands nowhere else; names of modules that are only looked up are no use of them."""
    private = re.compile(r"torch\._C\b|from torch\.\S*\._|from torch\._|torch\.utils\._")
    users = {
        str(path.relative_to(PACKAGE))
        for path in (PACKAGE / "attribution").rglob("*.py")
        if any(private.search(line.split("#")[0]) for line in path.read_text().splitlines())
    }
    assert users == set()


def test_trees() -> None:
    tree = {"a": [torch.ones(1), 2], "b": (torch.zeros(1),)}
    leaves, shape = torch_parts.tree_flatten(tree)
    assert len(leaves) == 3 == len(torch_parts.tree_leaves(tree))
    assert torch_parts.tree_unflatten(leaves, shape)["a"][1] == 2
    doubled = torch_parts.tree_map_only(Tensor, lambda t: t * 2, tree)
    assert doubled["a"][0] == 2 and doubled["a"][1] == 2


def test_dispatch_can_be_left_out_and_entered_again() -> None:
    seen: list[str] = []

    class Spy(TorchDispatchMode):
        def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(func.name())
            return func(*args, **(kwargs or {}))

    with Spy():
        torch.ones(2).relu()
        count = len(seen)
        with torch_parts.no_dispatch():
            torch.ones(2).relu()
    assert count > 0 and len(seen) == count

    class Again(Tensor):
        __torch_function__ = torch_parts.disabled_torch_function

        @classmethod
        def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func.name() == "aten::add.Tensor":
                with torch_parts.RestoreDispatch():
                    return torch.relu(args[0])  # another dispatch, from within this one
            return torch.full((), 7.0) if func.name() == "aten::relu" else func(*args, **(kwargs or {}))

    made = Tensor._make_wrapper_subclass(Again, (2,))
    assert torch.add(made, torch.ones(2)) == 7


def test_functions_can_be_left_to_pytorch() -> None:
    class Counting(Tensor):
        calls = 0

        @classmethod
        def __torch_function__(cls, func: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None) -> Any:
            cls.calls += 1
            return super().__torch_function__(func, types, args, kwargs or {})

    x = torch.ones(2).as_subclass(Counting)
    torch.relu(x)
    before = Counting.calls
    with torch_parts.DisableTorchFunction():
        torch.relu(x)
    assert before > 0 and Counting.calls == before


def test_gradients_can_be_switched_and_kernels_asked_for() -> None:
    torch_parts.set_grad_enabled(False)
    try:
        assert not torch.is_grad_enabled()
    finally:
        torch_parts.set_grad_enabled(True)
    assert torch_parts.has_kernel("aten::relu", "CPU") and not torch_parts.has_kernel("aten::linear", "Meta")
    assert torch_parts.has_kernel("aten::linear", "CompositeImplicitAutograd")
    assert "aten::relu" in torch_parts.all_operations()
    assert isinstance(torch.ops.higher_order.cond, torch_parts.HigherOrderOperator)
