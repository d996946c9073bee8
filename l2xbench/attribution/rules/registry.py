"""The table of rules: which operation is linear, which has a closed form, and what a rule is given and returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor

Kind = Literal["linear", "rule", "quadratic", "selection", "comparison", "line integral"]


@dataclass
class OperationRecord:
    """One operation of the explained network.

    `count` calls were met. `residual` is sum(g dy) - sum(m dx) over those calls, in units of the objective, and 0 for
    operations that are exact by construction; it is known after the backward pass.
    """

    name: str
    kind: str
    count: int = 0
    residual: float = 0.0
    where: str = ""

    def share(self, delta: float) -> float:
        """The operation's part of the completeness error of an objective that changed by `delta`."""
        return abs(self.residual) / max(abs(delta), 1e-30)


def without_gradient(f: Callable[..., Any], args: Any, options: dict[str, Any]) -> Any:
    """f(*args, **options) where autograd records nothing; `torch.no_grad` takes as long as a small operation."""
    before = torch.is_grad_enabled()
    torch._C._set_grad_enabled(False)
    try:
        return f(*args, **options)
    finally:
        torch._C._set_grad_enabled(before)


@dataclass(slots=True)
class Call:
    """One call of an ATen operation on paired tensors.

    `values` and `references` are the positional arguments of the two streams, equal where an argument carries no
    difference; `moving` names the arguments (by schema name) that carry one. `record` is filled by inexact rules.
    """

    operation: Any
    values: list[Any]
    references: list[Any]
    value_options: dict[str, Any]
    reference_options: dict[str, Any]
    moving: frozenset[str]
    record: OperationRecord
    sources: list[tuple[Tensor, Tensor]] = field(default_factory=list)
    """Where only discrete arguments (indices, masks) differ: the tensors, of both streams, they were chosen by."""

    @property
    def name(self) -> str:
        return self.record.name

    def value(self) -> Any:
        """The operation on the value stream, with autograd."""
        return self.operation(*self.values, **self.value_options)

    def reference(self) -> Any:
        """The operation on the reference stream, without."""
        return without_gradient(self.operation, self.references, self.reference_options)

    def argument(self, index: int, name: str, default: Any = None) -> Any:
        """A plain argument given by position or by name."""
        if index < len(self.values):
            return self.values[index]
        return self.value_options.get(name, default)


Pair = tuple[Any, Any]
"""What a rule returns: the operation's result on the value stream (differentiable, its gradient the multiplier) and
on the reference stream."""
Rule = Callable[[Call], Pair]


@dataclass
class Entry:
    """A rule, its kind, the arguments (schema names) in which it holds, `None` meaning all; and for calls that may be
    taken apart instead, whether it holds for their arguments by name.
    """

    kind: Kind
    apply: Rule
    arguments: frozenset[str] | None = None
    fits: Callable[[dict[str, Any]], bool] = lambda given: True

    def covers(self, moving: frozenset[str]) -> bool:
        return self.arguments is None or moving <= self.arguments


RULES: dict[str, list[Entry]] = {}
"""ATen operation name (without its overload) -> what may be applied, first fit first."""


def register(
    kind: Kind,
    names: Iterable[str],
    arguments: Iterable[str] | None = None,
    fits: Callable[[dict[str, Any]], bool] = lambda given: True,
) -> Callable[[Rule], Rule]:
    """Enter a rule for some operations, valid when only `arguments` carry a difference."""

    def enter(apply: Rule) -> Rule:
        for name in names:
            covered = None if arguments is None else frozenset(arguments)
            RULES.setdefault(name, []).append(Entry(kind, apply, covered, fits))
        return apply

    return enter


def rule(*names: str, arguments: Iterable[str] | None = None) -> Callable[[Rule], Rule]:
    """Enter a rule in closed form."""
    return register("rule", names, arguments)


@cache
def find(name: str, moving: frozenset[str]) -> Entry | None:
    """The first entry for an operation that covers the arguments which carry a difference."""
    return next((entry for entry in RULES.get(name, ()) if entry.covers(moving)), None)


def chord(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, derivative: Callable[[Tensor], Tensor]) -> Tensor:
    """dy/dx, blended into the derivative f' at the midpoint where the inputs are too close for a quotient:

    (q^2 dy/dx + f') / (q^2 + 1) with q = dx^2 / e. Since dy = f' dx + f3 dx^3/24 (f3 the third derivative) it is off
    by f3 dx^2/24 / (q^2 + 1), at most e f3/48 and nothing for a large dx; the quotient's rounding is damped below
    |dx| = sqrt(e). Both are of the order of dy's own rounding. (Choosing by `where` takes longer than all of this.)
    """
    unit = torch.finfo(x.dtype).eps ** (-1 / 3)
    u = (x - x_ref).mul_(unit)
    q = u * u
    slope = derivative(torch.lerp(x, x_ref, 0.5))
    slope.addcmul_((y - y_ref).mul_(u), q, value=unit)
    return slope.div_(torch.addcmul(q.new_ones(()), q, q))
