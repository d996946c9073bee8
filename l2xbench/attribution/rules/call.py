"""What a rule is given and what it returns.

A rule is a function from a `Call` to a `Pair`: it gets the arguments of both streams, and returns the operation's
result on the value stream, as a tensor whose gradient is the multiplier, and on the reference stream.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from l2xbench.system.torch_parts import set_grad_enabled

Pair = tuple[Any, Any]
"""What a rule returns: the operation's result on the value stream (differentiable, its gradient the multiplier) and
on the reference stream; each a tensor, or what else the operation returns."""
Rule = Callable[["Call"], Pair]


Kind = Literal[
    "linear",
    "closed form",
    "midpoint",
    "quadrature",
    "composed",
    "selection",
    "comparison",
    "special",
    "shape only",
    "refused",
    "line integral",
]
KINDS: dict[Kind, str] = {
    "linear": "its own gradient is the multiplier",
    "closed form": "a multiplier in closed form",
    "midpoint": "the gradient at the midpoint, exact for products of two",
    "quadrature": "the mean gradient along the line, made complete element by element",
    "composed": "written by other operations, each treated by itself",
    "selection": "chosen by the data; where the two choices differ, the jump is shared over what moved",
    "comparison": "no difference passes through it but what it selects",
    "special": "not run as it stands",
    "shape only": "takes no content from its tensor, the same in both streams",
    "refused": "the reference would be lost",
    "line integral": "no rule: integrated numerically, exact for smooth functions",
}
"""Kind -> what is done, in a few words."""


@dataclass
class OperationRecord:
    """One operation of the explained network, as it was treated.

    `kind` is one of `KINDS`; `count` calls were met, the first of them in the submodule `where`. `residual`
    is sum(g dy) - sum(m dx) over those calls, in units of the objective, and 0 for operations that are exact by
    construction; it is known after the backward pass.
    """

    name: str
    kind: Kind
    count: int = 0
    where: str = ""
    left: Tensor | float = field(default=0.0, init=False, repr=False)
    """The residual as it was computed: on a device it stays there until it is asked for."""

    @property
    def residual(self) -> float:
        """What the rule left of the difference."""
        return float(self.left)

    def leave(self, rest: Tensor | float) -> None:
        """Add what a call left."""
        self.left = self.left + rest

    def share(self, delta: float) -> float:
        """The operation's part of the completeness error of an objective that changed by `delta`."""
        return abs(self.residual) / max(abs(delta), 1e-30)


ABSENT = "l2xbench_absent"
"""The mark of a tensor that stands for none."""


@dataclass(slots=True)
class Call:
    """One call of an ATen operation on tensors that carry a difference.

    `values` and `references` are the positional arguments of the two streams, `value_options` and `reference_options`
    those by name; an argument without a difference is the same object in both. `moving` names the arguments (by schema
    name) that have a difference. `record` is filled by rules that are not exact.
    """

    name: str
    operation: Any
    values: list[Any]
    references: list[Any]
    value_options: dict[str, Any]
    reference_options: dict[str, Any]
    moving: frozenset[str]
    record: OperationRecord
    discrete: bool = False
    """Whether arguments without a gradient (indices, masks) are among those that differ."""
    sources: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    """Where discrete arguments (indices, masks) differ: the tensors, of both streams, they were chosen by."""

    def value(self) -> Any:
        """The operation on the value stream, with autograd."""
        return self.operation(*self.values, **self.value_options)

    def reference(self) -> Any:
        """The operation on the reference stream, without."""
        return without_gradient(self.operation, self.references, self.reference_options)

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """The value stream's argument at a position, or by name; the default where it is not given."""
        if index < len(self.values):
            return self.values[index]
        return self.value_options.get(name, default)

    def arguments(self) -> dict[str, Any]:
        """The value stream's arguments by their schema's names."""
        names = (argument.name for argument in self.operation._schema.arguments)
        return dict(zip(names, self.values, strict=False)) | self.value_options


def absent(like: Tensor) -> Tensor:
    """What stands for a result that a rule does not follow, such as the statistics that a layer norm gives besides: it
    is told where it is used. A kernel that read it as what it should be would read past its memory.
    """
    found = like.new_empty(0)
    setattr(found, ABSENT, True)
    return found


def is_absent(value: Any) -> bool:
    """Whether a tensor is such a one."""
    return getattr(value, ABSENT, False)


def without_gradient(f: Callable[..., Any], args: Any, options: dict[str, Any]) -> Any:
    """f(*args, **options) where autograd records nothing; `torch.no_grad` takes as long as a small operation."""
    before = torch.is_grad_enabled()
    set_grad_enabled(False)
    try:
        return f(*args, **options)
    finally:
        set_grad_enabled(before)


def differentiable(a: Any) -> bool:
    """Whether an argument is a tensor of floating-point or complex numbers."""
    return isinstance(a, Tensor) and (a.is_floating_point() or a.is_complex())
