"""What a run tells while it works."""

from __future__ import annotations

from typing import Protocol

from l2xbench.store.records import Failure


class Progress(Protocol):
    """Shown on a terminal, or by nobody."""

    def start(self, total: int) -> None:
        """`total` units are owed."""

    def working(self, what: str) -> None:
        """Now at `what`."""

    def advance(self, units: int, *, reused: bool = False) -> None:
        """So many units more are done, or were found done."""

    def failed(self, failure: Failure) -> None:
        """A unit failed."""

    def note(self, text: str) -> None:
        """Something that a reader of the results should know."""
