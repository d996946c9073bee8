"""Figures, each drawn unless it is kept: a few in this process, many beside each other in processes of their own.

A figure is kept under a key made of its records, so that it does not matter who drew it, and one that was drawn too
early (`ahead`) is drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain, islice
from typing import TypeVar

from l2xbench.draw.drawers import Drawers
from l2xbench.errors import reason_of
from l2xbench.run.progress import Progress
from l2xbench.store.damage import DamagedFile
from l2xbench.store.derived import find_derived, write_derived
from l2xbench.store.records import Failure
from l2xbench.store.store import Store
from l2xbench.studies.figures import Draw, OwedFigure

T = TypeVar("T")

FEW = 3
"""Up to so many figures are drawn in this process: another takes seconds to start."""


@dataclass(frozen=True)
class Drawn:
    """What came of a run's figures."""

    there: list[OwedFigure]
    failures: list[Failure]
    """Figures that could not be drawn, and why."""


def draw_figures(store: Store, owed: Sequence[OwedFigure], progress: Progress, drawers: Drawers) -> Drawn:
    """Draws those that are not there from the same records; one that cannot be drawn is told, and left out."""
    if not owed:
        return Drawn([], [])
    progress.start(len(owed))
    left = [figure for figure in owed if find_derived(store, figure.files) is None]
    progress.advance(len(owed) - len(left), reused=True)
    failures: dict[str, Failure] = {}
    for figure, made in _drawn(left, progress, drawers):
        if isinstance(made, Exception):
            failures[figure.files.paths["png"]] = told = undrawn(figure.title, made)
            progress.failed(told)
        else:
            write_derived(store, figure.files, made)
        progress.advance(1)
    there = [figure for figure in owed if figure.files.paths["png"] not in failures]
    return Drawn(there, list(failures.values()))


def undrawn(title: str, error: Exception) -> Failure:
    """A figure that could not be drawn, as the table of failures has it."""
    return Failure("figures", "", "", title, "", reason_of(error))


def _drawn(
    figures: Sequence[OwedFigure], progress: Progress, drawers: Drawers
) -> Iterator[tuple[OwedFigure, dict[str, bytes] | Exception]]:
    """Each figure with its PNG and PDF or why there is none, in order; what they show is read only a little ahead."""

    def prepared() -> Iterator[tuple[OwedFigure, Draw | Exception]]:
        for figure in figures:
            progress.working(f"drawing {figure.title}")
            yield figure, _tried(figure.prepare)

    if len(figures) <= FEW or drawers.count == 1:
        for figure, draw in prepared():
            yield figure, draw if isinstance(draw, Exception) else _tried(draw)
        return
    waiting: list[tuple[OwedFigure, Draw | Exception, Future[dict[str, bytes]] | None]] = []
    coming = prepared()
    try:
        while True:
            for figure, draw in islice(coming, 2 * drawers.count - len(waiting)):
                waiting.append((figure, draw, None if isinstance(draw, Exception) else drawers.submit(draw)))
            if not waiting:
                return
            figure, draw, drawing = waiting.pop(0)
            if drawing is None:
                assert isinstance(draw, Exception)
                yield figure, draw
            else:
                yield figure, _tried(drawing.result)
    except BrokenProcessPool:  # killed, or no memory for so many
        for each, its_draw in chain([(figure, draw)], ((one, two) for one, two, _ in waiting), coming):
            yield each, its_draw if isinstance(its_draw, Exception) else _tried(its_draw)


def _tried(make: Callable[[], T]) -> T | Exception:
    """What `make` gives, or what it raises; a damaged file, which is made again, and a lost process are raised."""
    try:
        return make()
    except (DamagedFile, BrokenProcessPool):
        raise
    except Exception as error:
        return error
