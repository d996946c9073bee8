"""Tensors inside the network whose multipliers are asked for: what its submodules were given and gave, and where
branches met.

Filled by `tapping` while the network runs. A tensor is held as its place in autograd's graph and its difference, once,
however many submodules it is the input or output of.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import GradientEdge, get_gradient_edge


@dataclass(eq=False)
class Tap:
    """One tensor: its place in the graph, None where no multiplier reaches it, and value minus reference."""

    edge: GradientEdge | None
    difference: Tensor
    value: Tensor | None = None
    """The tensor itself, where the pass keeps them."""
    stale: bool = False
    """Whether it is a view of memory that was written to later, and was read again: what is read then may have come
    there by another way, and its multiplier is not whole."""


@dataclass(eq=False)
class TappedCall:
    """One call of a submodule: the tensors it was given, by themselves or in tuples, and those it gave."""

    module: nn.Module
    inputs: list[Tap] = field(default_factory=list)
    outputs: list[Tap] = field(default_factory=list)
    joins: list[TappedJoin] = field(default_factory=list)


@dataclass(eq=False)
class TappedPart:
    """One tensor that was added or concatenated: `factor` times its difference, in a part of the result."""

    tap: Tap
    factor: float
    place: tuple[int, int, int] | None
    """(axis, first, size) in a concatenation."""
    label: str = ""
    skip: bool = False
    given: bool = False
    """Whether it is what the submodule was given, or a sum of that and earlier branches."""


@dataclass(eq=False)
class TappedJoin:
    """A sum or a concatenation in a submodule's own forward."""

    operation: str
    result: Tap
    parts: list[TappedPart]


class Taps:
    """All that is tapped in one pass."""

    def __init__(self, modules: Iterable[nn.Module], keep_values: bool = False) -> None:
        self.keep_values = keep_values
        self.selected = list({id(module): module for module in modules}.values())
        self.calls: list[TappedCall] = []
        """In the order in which they began."""
        self.running: list[TappedCall] = []
        self.of_module: dict[int, list[TappedCall]] = {id(module): [] for module in self.selected}
        self.taps: dict[tuple[Any, int], Tap] = {}

    def begin(self, module: nn.Module) -> TappedCall:
        """A call of a submodule."""
        call = TappedCall(module)
        self.calls.append(call)
        self.running.append(call)
        self.of_module[id(module)].append(call)
        return call

    def tap(self, value: Tensor, reference: Tensor) -> Tap | None:
        """The tap on a tensor of both streams; None where it holds no floating-point or complex numbers."""
        if not (value.is_floating_point() or value.is_complex()):
            return None
        moves = value is not reference and value.grad_fn is not None
        edge = get_gradient_edge(value) if moves else None
        if edge is None:
            return Tap(None, torch.zeros_like(value))
        found = self.taps.get((edge.node, edge.output_nr))
        if found is None:
            found = Tap(edge, value.detach() - reference, value if self.keep_values else None)
            self.taps[edge.node, edge.output_nr] = found
        return found

    def places(self) -> list[Tap]:
        """The taps that a multiplier reaches."""
        return [tap for tap in self.taps.values() if tap.edge is not None]


def leaves(result: Any) -> list[Any]:
    """The tensors of an argument or a result: itself, or those in tuples, lists and dicts."""
    if isinstance(result, Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [leaf for item in result for leaf in leaves(item)]
    if isinstance(result, dict):
        return [leaf for item in result.values() for leaf in leaves(item)]
    return []
