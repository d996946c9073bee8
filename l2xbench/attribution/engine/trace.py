"""How one paired pass is made, what it knows and has met: its options, its precision, and what it reports.

Every step of the engine gets the pass's `Trace`; a new thing to remember of a pass is a field of it.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from l2xbench.attribution.engine.state import names_of
from l2xbench.attribution.engine.taps import Taps
from l2xbench.attribution.engine.tensor import Paired
from l2xbench.attribution.rules.call import Kind, OperationRecord
from l2xbench.attribution.rules.questions import Notes

LOWER = frozenset({torch.float16, torch.bfloat16, torch.float32, torch.complex32, torch.complex64})
"""Types that may lie below the precision of the computation."""


class Exposed:
    """Memory of plain tensors whose `data` a network took: writing there is told by the version of what it took alone.
    As a collection, the places that were written to.
    """

    def __init__(self) -> None:
        self._taken: dict[int, list[Tensor]] = {}
        self._handed_on: set[int] = set()

    def take(self, data: Tensor) -> None:
        """Note what was taken."""
        self._taken.setdefault(data.untyped_storage().data_ptr(), []).append(data)

    def hand_on(self, tensor: Tensor) -> None:
        """Note that a tensor goes on to NumPy, say, where no version tells of writing."""
        if self._taken and tensor.layout == torch.strided:
            self._handed_on.add(tensor.untyped_storage().data_ptr())

    def __contains__(self, place: object) -> bool:
        taken = self._taken.get(place, []) if isinstance(place, int) else []
        return bool(taken) and (place in self._handed_on or any(t.is_inference() or t._version for t in taken))

    def __bool__(self) -> bool:
        return bool(self._taken)


@dataclass(frozen=True)
class Options:
    """How one paired pass is made."""

    strict: bool = False
    """Whether operations without a rule are refused."""
    output: int | str | None = None
    """Which output of a network that returns several: position or key."""
    layers: Collection[nn.Module] = ()
    """Submodules whose inputs, outputs and sums are asked for."""
    keep_values: bool = False
    """Whether those are kept themselves."""
    asks: bool = True
    """Whether rules may ask the host as they go; else they note what they would ask (see `rules/questions.py`)."""
    check_finite: bool = False
    """Whether each result is looked at for NaN and Inf."""
    copy_ghosts: bool = False
    """Whether places that one stream alone selects have that stream's numbers in both (see `ragged`)."""
    changing: frozenset[int] = frozenset()
    """Storage of the network's own tensors that it writes to while it runs."""


@dataclass
class Trace:
    """One paired pass."""

    model: nn.Module
    dtype: torch.dtype
    """The precision of the computation: float32 or float64."""
    device: str = "cpu"
    options: Options = field(default_factory=Options)
    notes: Notes | None = None
    """What rules would ask the host; None where they ask as they go."""
    lower_parameters: bool = False
    """Whether the network's parameters have a lower precision than the computation."""
    draws_in: torch.dtype | None = None
    """The precision that the network itself draws random numbers in, where that is not the computation's."""
    exposed: Exposed = field(default_factory=lambda: Exposed())
    """Memory of plain tensors that the network took by another name."""
    lowered: str = ""
    """Where the network casts to half precision, if it does."""
    records: dict[tuple[str, Kind], OperationRecord] = field(default_factory=dict)
    """(operation, kind of treatment) -> how often it was met, and where first."""
    written: dict[int, Paired] = field(default_factory=dict)
    """Storage of a plain tensor into which the network wrote paired data -> the whole storage as a paired tensor."""
    kept: list[Any] = field(default_factory=list)
    """Holds that storage, so that no other takes its place in memory."""
    names: dict[int, str] = field(default_factory=dict)
    """The submodules' names."""
    taps: Taps | None = None
    """The tensors inside the network that are asked for."""
    calling: Any = None
    """The call of the network that is being taken apart."""
    writes_out: bool = False
    """Whether that call was given `out=`."""
    mark: object = field(default_factory=object)
    """What this pass's paired tensors are told by."""
    leaks: list[str] = field(default_factory=list)
    """Python numbers read from tensors whose value differs from their reference: operation and submodule."""
    ragged: list[str] = field(default_factory=list)
    """Selections of different size in the two streams: what they are, in words."""

    def record(self, name: str, kind: Kind) -> OperationRecord:
        """The record of an operation under a kind of treatment, with one call more."""
        found = self.records.get((name, kind))
        if found is None:
            found = self.records[name, kind] = OperationRecord(name, kind, where=self.where())
        found.count += 1
        return found

    def where(self) -> str:
        """The innermost submodule that is running, read off the stack: no hooks on the network."""
        if not self.names:
            self.names = names_of(self.model)
        frame = sys._getframe(1)
        while frame is not None:
            owner = frame.f_locals.get("self")
            if isinstance(owner, nn.Module) and id(owner) in self.names:
                return self.names[id(owner)] or type(owner).__name__
            frame = frame.f_back  # type: ignore[assignment]
        return "the network"

    def raised(self, dtype: torch.dtype) -> torch.dtype:
        """The type that numbers of a type are computed in: never below the precision of the computation."""
        if dtype not in LOWER:
            return dtype
        if dtype.is_complex:
            return torch.complex128 if self.dtype == torch.float64 else torch.complex64
        return self.dtype
