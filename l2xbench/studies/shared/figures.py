"""A figure that a study owes of its records: where it goes, what decides what it shows, and how it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from l2xbench.store.derived import DerivedFiles

Draw = Callable[[], dict[str, bytes]]
"""Gives the figure as `png` and as `pdf`. It can be pickled, so that another process may do it."""


@dataclass(frozen=True)
class OwedFigure:
    """A figure that is to be drawn unless it is kept.

    Attributes:
        files: its files, and all that decides their contents.
        title: what progress tells while it is drawn.
        prepare: reads what the figure shows; gives what draws it.
    """

    files: DerivedFiles
    title: str
    prepare: Callable[[], Draw]
