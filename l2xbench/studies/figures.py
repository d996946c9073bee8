"""The figures that a study owes of its records, and the images that some of them show."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from l2xbench.config import StudyConfig
from l2xbench.store.derived import DerivedFiles
from l2xbench.store.records import Records
from l2xbench.store.results import Results
from l2xbench.store.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[], dict[str, bytes]]
"""Gives the figure as `png` and as `pdf`. It can be pickled, so that another process may do it."""


@dataclass(frozen=True)
class OwedFigure:
    """A figure that is to be drawn unless it is kept.

    Attributes:
        files: its files, and all that decides their contents.
        title: what progress tells while it is drawn.
        prepare: reads what the figure shows; gives what draws it.
        shown_as: what the terminal calls it at the end, where it is one to begin with; figures of one such name stand
            there as their folder.
    """

    files: DerivedFiles
    title: str
    prepare: Callable[[], Draw]
    shown_as: str = ""


def drawn_by(draw: Callable[..., Figure], *arguments: Any) -> Callable[[], Draw]:
    """An `OwedFigure.prepare` for which nothing has to be read: `draw`, a function of a module, gets `arguments`."""
    return lambda: partial(_drawn, draw, arguments)


def _drawn(draw: Callable[..., Figure], arguments: tuple[Any, ...]) -> dict[str, bytes]:
    from l2xbench.draw.style import figure_bytes  # Matplotlib takes a second to import, and a YAML is read without it

    return figure_bytes(draw(*arguments))


@dataclass(frozen=True)
class ImageSet:
    """Images of a study, and where what there is of them is found.

    Attributes:
        store: where the records' files lie.
        config: the study.
        models: the networks' names, in its order.
        images: dataset -> the images wanted, in its order.
        records: so many images at a time are read as memory holds.
    """

    store: Store
    config: StudyConfig
    models: Sequence[str]
    images: Mapping[str, Sequence[str]]
    records: Records

    @classmethod
    def of_results(cls, results: Results, records: Records | None = None) -> ImageSet:
        """All images of a run, with its own records by default."""
        manifest = results.manifest
        return cls(results.store, manifest.study, list(manifest.models), manifest.images, records or results.records)
