"""The table of rules: which operation is linear, which has a closed form, and what a rule is given and returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
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


@dataclass
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
        with torch.no_grad():
            return self.operation(*self.references, **self.reference_options)

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
    """A rule, its kind, and the arguments (schema names) in which it holds; `None` means all."""

    kind: Kind
    apply: Rule
    arguments: frozenset[str] | None = None

    def covers(self, moving: frozenset[str]) -> bool:
        return self.arguments is None or moving <= self.arguments


RULES: dict[str, list[Entry]] = {}
"""ATen operation name (without its overload) -> what may be applied, first fit first."""


def register(kind: Kind, names: Iterable[str], arguments: Iterable[str] | None = None) -> Callable[[Rule], Rule]:
    """Enter a rule for some operations, valid when only `arguments` carry a difference."""

    def enter(apply: Rule) -> Rule:
        for name in names:
            covered = None if arguments is None else frozenset(arguments)
            RULES.setdefault(name, []).append(Entry(kind, apply, covered))
        return apply

    return enter


def rule(*names: str, arguments: Iterable[str] | None = None) -> Callable[[Rule], Rule]:
    """Enter a rule in closed form."""
    return register("rule", names, arguments)


def find(name: str, moving: frozenset[str]) -> Entry | None:
    """The first entry for an operation that covers the arguments which carry a difference."""
    return next((entry for entry in RULES.get(name, ()) if entry.covers(moving)), None)


def chord(x: Tensor, x_ref: Tensor, y: Tensor, y_ref: Tensor, derivative: Callable[[Tensor], Tensor]) -> Tensor:
    """dy/dx, and the derivative f' at the midpoint where |dx| is at most t, too small for a quotient.

    With t = eps^(1/3) neither is off by more than dy's own rounding: dy = f' dx + f3 dx^3/24 (f3 the third
    derivative), and the quotient's error is that of dy over dx.
    """
    dx = x - x_ref
    slope = (y - y_ref).div_(dx)
    near = dx.abs_() <= torch.finfo(dx.dtype).eps ** (1 / 3)
    return torch.where(near, derivative(torch.lerp(x, x_ref, 0.5)), slope)
