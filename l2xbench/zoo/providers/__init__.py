"""Where a network comes from: one module a provider, each with one function `build`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from l2xbench.zoo.states import StateDict

States = Sequence[StateDict]
"""The state dicts of a checkpoint, the rather taken first."""


@dataclass(frozen=True)
class Built:
    """What a provider gives: the architecture, with its own needs as to size.

    `core` has its own initial weights unless `loaded` is true, which a provider sets when the checkpoint itself
    decides the architecture.
    """

    core: nn.Module
    scale: int | None = None
    multiple: int = 1
    minimum: int = 1
    square: bool = False
    loaded: bool = False
    channels: str | None = None
    """`rgb` or `y`, where the architecture tells which it takes."""
    weights_key: str | None = None
    """Which of the checkpoint's state dicts was taken, where others would have fitted as well."""
