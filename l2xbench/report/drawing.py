"""Figures, each drawn unless it is kept: a few in this process, many beside each other in processes of their own.

A figure is kept under a key made of its records, so that it does not matter who drew it, and one that was drawn too
early (`ahead`) is drawn again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from itertools import chain, islice
from pathlib import Path

from l2xbench.draw.drawers import Drawers
from l2xbench.run.progress import Progress
from l2xbench.store.derived import find_derived, write_derived
from l2xbench.store.store import Store
from l2xbench.studies.figures import Draw, OwedFigure

FEW = 3
"""Up to so many figures are drawn in this process: another takes seconds to start."""


def draw_figures(store: Store, owed: Sequence[OwedFigure], progress: Progress, drawers: Drawers) -> list[Path]:
    """Draws those that are not there from the same records; gives the PNGs' paths of all, in order."""
    if not owed:
        return []
    progress.start(len(owed))
    left = [figure for figure in owed if find_derived(store, figure.files) is None]
    progress.advance(len(owed) - len(left), reused=True)
    for figure, made in _drawn(left, progress, drawers):
        write_derived(store, figure.files, made)
        progress.advance(1)
    return [store.root / figure.files.paths["png"] for figure in owed]


def _drawn(
    figures: Sequence[OwedFigure], progress: Progress, drawers: Drawers
) -> Iterator[tuple[OwedFigure, dict[str, bytes]]]:
    """Each figure with its PNG and PDF, in order; what they show is read only a little ahead."""

    def prepared() -> Iterator[tuple[OwedFigure, Draw]]:
        for figure in figures:
            progress.working(f"drawing {figure.title}")
            yield figure, figure.prepare()

    if len(figures) <= FEW or drawers.count == 1:
        for figure, draw in prepared():
            yield figure, draw()
        return
    waiting: list[tuple[OwedFigure, Draw, Future[dict[str, bytes]]]] = []
    coming = prepared()
    try:
        while True:
            for figure, draw in islice(coming, 2 * drawers.count - len(waiting)):
                waiting.append((figure, draw, drawers.submit(draw)))
            if not waiting:
                return
            figure, draw, drawing = waiting.pop(0)
            yield figure, drawing.result()
    except BrokenProcessPool:  # killed, or no memory for so many
        for each, its_draw in chain([(figure, draw)], ((one, two) for one, two, _ in waiting), coming):
            yield each, its_draw()
