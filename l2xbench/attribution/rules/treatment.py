"""What a treatment is: a rule, its kind, its formula and source, and for which arguments it holds.

A family's file makes treatments by the decorators here; `table.py` says which operations they are for, for which
arguments and in which order. The kinds of treatments are in `call.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from torch import Tensor

from l2xbench.attribution.rules.call import Call, Kind, Rule

Handler = Literal[
    "number",
    "attention",
    "attention kernel",
    "detach",
    "rrelu",
    "assignment",
    "fake quantisation",
    "ragged places",
    "ragged read",
    "ragged masked read",
    "ragged write",
    "ragged masked write",
    "ragged write along an axis",
]
"""What the engine itself does, since it takes more than the tensors of one call (see `engine/special.py` and
`engine/ragged.py`)."""
HANDLERS = get_args(Handler)

DEEPLIFT = "Shrikumar et al. 2017, the rescale rule; the paper's Eq. 6"
PAPER = "the paper's Eqs. 3 and 4"
SHAPLEY = "Shapley 1953: an even split between two factors"
LOGARITHMIC_MEAN = "Carlson 1972, The Logarithmic Mean"
INTEGRATED_GRADIENTS = "Sundararajan et al. 2017, Eq. 1, for one operation"
IDENTITY = "an identity of real numbers"
LEAST_CHANGE = "ours: the least change of the multipliers that is complete"


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of a call's arguments, and what it asks in words."""

    words: str
    test: Callable[[Call], bool]


@dataclass(frozen=True, slots=True)
class Treatment:
    """What is done with an operation."""

    kind: Kind
    apply: Rule | None = None
    """The rule; None for what the engine does itself."""
    formula: str = ""
    source: str = ""
    compose: Callable[..., Any] | None = None
    """A composed treatment's function of the operation's own arguments, made of other operations."""
    handler: Handler | None = None
    """Which of the engine's own, for a special treatment."""
    moving: frozenset[str] | None = None
    """The arguments (schema names) that may carry a difference; None for any."""
    when: Condition | None = None
    """What else must hold of the arguments."""
    by_another_way: bool = False
    """Whether it computes the result otherwise than the operation, whose own result is then put in its place."""

    def own(self) -> Treatment:
        """The same, with the operation's own result in the place of what it computes by another way."""
        return replace(self, by_another_way=True)

    def only(self, *moving: str, when: Condition | None = None) -> Treatment:
        """The same, only where no other argument than these carries a difference, and only where `when` holds."""
        return replace(self, moving=frozenset(moving) if moving else self.moving, when=when or self.when)

    def covers(self, moving: frozenset[str]) -> bool:
        """Whether it may be taken where these arguments carry a difference."""
        return self.moving is None or moving <= self.moving

    def holds(self) -> str:
        """For which arguments, in words."""
        names = sorted(self.moving or ())
        moving = f"only {', '.join(names)} {'differs' if len(names) == 1 else 'differ'}" if names else ""
        return "; ".join(part for part in (moving, self.when.words if self.when else "") if part) or "any"


def closed_form(formula: str, source: str = DEEPLIFT) -> Callable[[Rule], Treatment]:
    """Make a rule a treatment in closed form."""
    return lambda apply: Treatment("closed form", apply, formula, source)


def treatment(kind: Kind, formula: str, source: str = "") -> Callable[[Rule], Treatment]:
    """Make a rule a treatment of any kind."""
    return lambda apply: Treatment(kind, apply, formula, source)


def composed(formula: str, source: str = IDENTITY) -> Callable[[Callable[..., Any]], Treatment]:
    """Make a function of an operation's own arguments, made of other operations, a treatment."""
    return lambda compose: Treatment("composed", None, formula, source, compose)


def special(handler: Handler, what: str, holds: str = "any") -> Treatment:
    """What the engine does itself; it decides for which arguments, said in `holds`."""
    return Treatment("special", None, what, handler=handler, when=Condition(holds, lambda call: True))


def condition(words: str) -> Callable[[Callable[[Call], bool]], Condition]:
    """Make a test of a call a condition."""
    return lambda test: Condition(words, test)


@condition("complex numbers")
def imaginary(call: Call) -> bool:
    """Whether the first argument is complex."""
    return isinstance(call.values[0], Tensor) and call.values[0].is_complex()


@condition("real numbers")
def real(call: Call) -> bool:
    """Whether no argument is complex: the formulas of chords, and the order they use, are for real numbers."""
    return not any(isinstance(a, Tensor) and a.is_complex() for a in call.values)
