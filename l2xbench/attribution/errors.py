"""What can go wrong while a network is explained, each in one line. All are ValueErrors."""

from __future__ import annotations

from collections.abc import Iterable

from l2xbench.errors import nearest


class AttributionError(ValueError):
    """The network or the request cannot be explained as it stands."""


class ReferenceLostError(AttributionError):
    """A value left the tensors that carry the reference (NumPy, a Python number, a raw pointer)."""


class NotFiniteError(AttributionError):
    """The network itself gave NaN or Inf."""


class ShapeError(AttributionError):
    """The input and the reference do not fit each other, or the network."""


class UnsupportedOperationError(AttributionError):
    """An operation without a rule was met where `strict=True` forbids the line integral, or it has no derivative."""


class FailedOperationError(UnsupportedOperationError):
    """An operation that the network itself can do failed on tensors that carry their reference."""


class NetworkAssertionError(AttributionError):
    """The network itself asserts something that does not hold, such as its precision."""


class MethodError(AttributionError):
    """A method cannot explain this network; gives that method's own reason."""


def unknown(kind: str, found: object, allowed: Iterable[str]) -> AttributionError:
    """The error for a name that does not exist: names the nearest one, and all that do."""
    names = list(allowed)
    near = nearest(str(found), names)
    guess = f"did you mean {near!r}? " if near else ""
    return AttributionError(f"{kind} {found!r} does not exist; {guess}allowed: {', '.join(names) or 'none'}")
