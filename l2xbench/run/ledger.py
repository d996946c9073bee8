"""What a run has come to so far, told to whoever watches."""

from __future__ import annotations

from l2xbench.run.jobs import Position
from l2xbench.run.progress import Progress
from l2xbench.store.records import Failure
from l2xbench.store.units import Unit


class Ledger:
    """Counts units that are done, found done, failed, or not tried again."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.computed = 0
        self.reused = 0
        self.untried = 0
        """Those of the failures that an earlier run has left."""
        self._failures: list[tuple[Position, Failure]] = []

    @property
    def failures(self) -> list[Failure]:
        """In the plan's order."""
        return [failure for _, failure in sorted(self._failures, key=lambda each: each[0])]

    def done(self) -> None:
        """A unit was carried out."""
        self.computed += 1
        self.progress.advance(1)

    def found(self, units: int) -> None:
        """So many units were done before."""
        self.reused += units
        self.progress.advance(units, reused=True)

    def failed(self, position: Position, unit: Unit, reason: str, *, units: int = 1) -> None:
        """A unit failed, and with it the others of so many that need it."""
        failure = _failure(unit, reason)
        self._failures.append((position, failure))
        self.progress.failed(failure)
        self.progress.advance(units)

    def network_failed(self, position: Position, model: str, reason: str, *, told: bool = True) -> None:
        """A network cannot be built: one failure for all of its units, which `passed_over` counts."""
        failure = Failure("", "", model, "", "", reason)
        self._failures.append((position, failure))
        if told:
            self.progress.failed(failure)

    def passed_over(self, units: int) -> None:
        """So many units are of a network that cannot be built."""
        self.progress.advance(units)

    def not_tried(self, position: Position, unit: Unit, reason: str) -> None:
        """A unit failed in an earlier run, and would fail alike."""
        self.untried += 1
        self._failures.append((position, _failure(unit, reason)))
        self.progress.advance(1)


def _failure(unit: Unit, reason: str) -> Failure:
    return Failure(unit.study, unit.dataset, unit.model, unit.image, unit.label, reason)
