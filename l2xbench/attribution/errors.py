"""What can go wrong while a network is explained; each message names the operation and the submodule."""

from __future__ import annotations


class AttributionError(Exception):
    """The network or the request cannot be explained as it stands."""


class ReferenceLostError(AttributionError):
    """A value left the tensors that carry the reference (NumPy, a Python number, a raw pointer)."""


class NotFiniteError(AttributionError):
    """The network itself gave NaN or Inf."""


class ShapeError(AttributionError, ValueError):
    """The input and the reference do not fit each other, or the network."""


class UnsupportedOperationError(AttributionError):
    """An operation without a rule was met where `strict=True` forbids the line integral, or it has no derivative."""
