"""Figures of single images drawn while a run goes on: an image that is complete, beside the network at the next."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from itertools import chain
from threading import Lock

from l2xbench.draw.drawers import Drawers
from l2xbench.errors import RequestError
from l2xbench.report import drawing
from l2xbench.run.plan import Plan
from l2xbench.store.derived import make_unless_kept
from l2xbench.store.records import Records
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName, Unit
from l2xbench.studies.figures import ImageSet, OwedFigure
from l2xbench.studies.registry import all_studies

MANY_GROUPS = 32
"""With more networks and methods than this, whether an image is complete takes too long to tell."""


class Ahead:
    """Draws an image's figures as soon as its last network is done, in one process of low priority.

    Whatever goes wrong here is left to `drawing.draw_figures`, which tells it.
    """

    def __init__(self, store: Store, plan: Plan, drawers: Drawers) -> None:
        """For a run of the whole `plan`, whose records go to `store`."""
        self._store = store
        self._drawers = drawers
        self._config = plan.study
        self._models = [model.name for model in plan.models]
        self._figures = [study.image_figures for study in all_studies() if study.image_figures is not None]
        self._lock = Lock()
        self._wanted: dict[str, list[tuple[GroupName, str]]] | None = None
        self._digests: dict[str, dict[str, str]] = {}
        self._records: Records | None = None
        self._thread: ThreadPoolExecutor | None = None
        shown = [unit for unit, _ in plan.groups() if self._is_shown(unit.group)]
        images = sum(len(dataset.pairs) for dataset in plan.datasets)
        owed = images * sum(figures.count(plan.study) for figures in self._figures)
        self._is_worth_it = len(shown) <= MANY_GROUPS * len(plan.datasets) and owed > drawing.FEW

    def on_record(self, unit: Unit) -> None:
        """Told of each unit whose record is on disk, from any thread."""
        if not self._is_worth_it or not self._is_shown(unit.group):
            return
        with self._lock:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1)
                self._drawers.start()
            if self._is_complete(unit):
                self._thread.submit(self._draw, unit.dataset, unit.image)

    def close(self) -> None:
        """Ends what is being drawn, and draws nothing more."""
        self._is_worth_it = False
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)

    def _is_shown(self, group: GroupName) -> bool:
        return any(each.count(self._config) and each.shows(self._config, group) for each in self._figures)

    def _is_complete(self, unit: Unit) -> bool:
        if self._wanted is None:
            with suppress(RequestError):
                self._read_plan()
        digest = self._digests.get(unit.dataset, {}).get(unit.image)
        wanted = (self._wanted or {}).get(unit.dataset, [])
        # from the end: the last network is the last to come
        return bool(wanted) and all(
            self._store.latest(name, unit.image) == (recipe, digest) for name, recipe in reversed(wanted)
        )

    def _read_plan(self) -> None:
        """What the run is about to do, which it has written before the first network."""
        records = self._store.records()
        wanted: dict[str, list[tuple[GroupName, str]]] = {}
        for name, recipe in records.wanted:
            if self._is_shown(name):
                wanted.setdefault(name.dataset, []).append((name, recipe))
        self._digests = {name: dict(zip(*both, strict=True)) for name, both in records.images.items()}
        self._records, self._wanted = records, wanted

    def _draw(self, dataset: str, image: str) -> None:
        assert self._records is not None
        images = ImageSet(self._store, self._config, self._models, {dataset: [image]}, self._records)
        with suppress(Exception):
            for figure in chain.from_iterable(each.owed(images) for each in self._figures):
                if self._is_worth_it:
                    make_unless_kept(self._store, figure.files, partial(self._drawn, figure))

    def _drawn(self, figure: OwedFigure) -> dict[str, bytes]:
        return self._drawers.submit(figure.prepare()).result()
