"""An image's heatmap figure, drawn where it costs least: in processes beside the networks, or beside each other.

A figure takes Matplotlib a second or more, most of it under Python's lock, so threads are of no use. While a run's last
network is at work, the images that are complete are drawn one by one in a process of low priority (`Ahead`); what is
left at the end, by a process a core (`draw_heatmaps`). A figure is kept under a key made of its records, so that it
does not matter who drew it, and one that was drawn too early is drawn again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from threading import Lock
from typing import Any

from l2xbench.draw import drawer
from l2xbench.draw.drawer import heatmap_bytes
from l2xbench.draw.panels import HeatmapPanel
from l2xbench.errors import RequestError
from l2xbench.report.pictures import ImageRecords, Pictures, image_records
from l2xbench.run.plan import Plan
from l2xbench.run.runner import Progress
from l2xbench.store.derived import DerivedFiles, figure_paths, find_derived, make_unless_kept, write_derived
from l2xbench.store.records import Records
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName, Unit
from l2xbench.studies.attribution.options import AttributionOptions, HeatmapOptions

HEATMAP_VERSION = 4
FEW = 3
"""Up to so many figures are drawn in this process: another takes seconds to start."""
MANY_GROUPS = 32
"""With more networks and methods than this, whether an image is complete takes too long to tell."""


@dataclass(frozen=True)
class _Figure:
    """A heatmap that is owed."""

    manifest: Mapping[str, Any]
    of: ImageRecords
    method: str

    @cached_property
    def files(self) -> DerivedFiles:
        """Where it lies, and what decides what it shows."""
        inputs = self.of.inputs
        label = "" if self.method == "l2x" else f"-{self.method}"
        explained = self.of.explained[self.method]
        keys = [record.key for name in explained for record in (self.of.restored[name], explained[name])]
        return DerivedFiles(
            kind="heatmap",
            version=HEATMAP_VERSION,
            name=inputs.image,
            paths=figure_paths(f"heatmap-{inputs.dataset}-{inputs.image}{label}"),
            decided_by={**self.manifest["study"]["heatmaps"], "records": keys, "names": list(explained)},
            dataset=inputs.dataset,
            label=self.method,
            image_digest=inputs.key,
        )

    @property
    def palette(self) -> str:
        return str(self.manifest["study"]["heatmaps"]["palette"])

    def panel(self, store: Store) -> HeatmapPanel:
        return Pictures(store, self.manifest, self.of).panel(self.method, zoomed=True)


class Drawers:
    """Processes that draw, as many as there are cores; each is started when it is first needed."""

    def __init__(self) -> None:
        self.count = _cores()
        self._pool: Executor | None = None

    def start(self) -> None:
        """Starts the first, which takes seconds, ahead of its work."""
        self._executor().submit(drawer.awake)

    def submit(self, panel: HeatmapPanel, palette: str) -> Future[dict[str, bytes]]:
        """The figure as PNG and as PDF.

        Raises:
            BrokenProcessPool: here or from the future, a process was killed.
        """
        return self._executor().submit(heatmap_bytes, panel, palette)

    def close(self) -> None:
        """Ends them, when what they are at is done."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _executor(self) -> Executor:
        if self._pool is None:
            self._pool = _processes(self.count)
        return self._pool


def draw_heatmaps(
    store: Store, manifest: Mapping[str, Any], records: Records, progress: Progress, drawers: Drawers
) -> list[Path]:
    """One figure an image and method (the paper's Fig. 2), as PNG and PDF; gives the PNGs' paths.

    Those that are there from the same records are not drawn again.
    """
    owed = list(_owed(manifest, records))
    if not owed:
        return []
    progress.start(len(owed))
    left = [figure for figure in owed if find_derived(store, figure.files) is None]
    progress.advance(len(owed) - len(left), reused=True)
    for figure, made in _drawn(left, store, progress, drawers):
        write_derived(store, figure.files, made)
        progress.advance(1)
    return [store.root / figure.files.paths["png"] for figure in owed]


def _owed(
    manifest: Mapping[str, Any], records: Records, chosen: Mapping[str, list[str]] | None = None
) -> Iterator[_Figure]:
    study = manifest["study"]
    if study["heatmaps"] is None or study["attribution"] is None:
        return
    # controls have maps too, but none was asked to be seen
    for of in image_records(manifest, records, chosen):
        for method in study["attribution"]["methods"]:
            if method in of.explained:
                yield _Figure(manifest, of, method)


def _drawn(
    figures: list[_Figure], store: Store, progress: Progress, drawers: Drawers
) -> Iterator[tuple[_Figure, dict[str, bytes]]]:
    """Each figure with its PNG and PDF, in order."""

    def panels() -> Iterator[tuple[_Figure, HeatmapPanel]]:
        for figure in figures:
            inputs = figure.of.inputs
            progress.working(f"drawing {inputs.dataset} {inputs.image} {figure.method}")
            yield figure, figure.panel(store)

    if len(figures) <= FEW or drawers.count == 1:
        for figure, panel in panels():
            yield figure, heatmap_bytes(panel, figure.palette)
        return
    waiting: list[tuple[_Figure, HeatmapPanel, Future[dict[str, bytes]]]] = []
    coming = panels()
    try:
        while True:
            for figure, panel in islice(coming, 2 * drawers.count - len(waiting)):
                waiting.append((figure, panel, drawers.submit(panel, figure.palette)))
            if not waiting:
                return
            figure, panel, drawing = waiting.pop(0)
            yield figure, drawing.result()
    except BrokenProcessPool:  # killed, or no memory for so many
        for each, its_panel in chain([(figure, panel)], ((one, two) for one, two, _ in waiting), coming):
            yield each, heatmap_bytes(its_panel, each.palette)


class Ahead:
    """Draws an image's figures as soon as its last network is done, while the next image is at work.

    Whatever goes wrong here is left to `draw_heatmaps`, which tells it.
    """

    def __init__(self, store: Store, plan: Plan, drawers: Drawers) -> None:
        """For a run of the whole `plan`, whose records go to `store`."""
        self._store = store
        self._drawers = drawers
        self._manifest: dict[str, Any] = {
            "study": plan.study.model_dump(mode="json"),
            "models": {model.name: {} for model in plan.models},
            "datasets": {each.name: {"images": {pair.name: "" for pair in each.pairs}} for each in plan.datasets},
        }
        self._lock = Lock()
        self._wanted: dict[str, list[tuple[GroupName, str]]] | None = None
        self._digests: dict[str, dict[str, str]] = {}
        self._records: Records | None = None
        self._thread: ThreadPoolExecutor | None = None
        images = sum(len(each["images"]) for each in self._manifest["datasets"].values())
        maps = plan.study.block(AttributionOptions) if plan.study.block(HeatmapOptions) is not None else None
        groups = len(plan.models) * (1 + len(maps.methods)) if maps else 0
        self._is_worth_it = groups <= MANY_GROUPS and maps is not None and images * len(maps.methods) > FEW

    def kept(self, unit: Unit) -> None:
        """Told of each unit whose record is on disk, from any thread."""
        if not self._is_worth_it or unit.study not in ("restoration", "attribution"):
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
        methods = self._manifest["study"]["attribution"]["methods"]
        wanted: dict[str, list[tuple[GroupName, str]]] = {}
        for name, recipe in records.wanted:
            if name.study == "restoration" or (name.study == "attribution" and name.label in methods):
                wanted.setdefault(name.dataset, []).append((name, recipe))
        self._digests = {name: dict(zip(*both, strict=True)) for name, both in records.images.items()}
        self._records, self._wanted = records, wanted

    def _draw(self, dataset: str, image: str) -> None:
        assert self._records is not None
        chosen = {name: [image] if name == dataset else [] for name in self._manifest["datasets"]}
        with suppress(RequestError, BrokenProcessPool, RuntimeError):
            for figure in _owed(self._manifest, self._records, chosen):
                if self._is_worth_it:
                    make_unless_kept(self._store, figure.files, partial(self._drawn, figure))

    def _drawn(self, figure: _Figure) -> dict[str, bytes]:
        return self._drawers.submit(figure.panel(self._store), figure.palette).result()


def _processes(count: int) -> Executor:
    # fork would copy what PyTorch's threads hold, and break them
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=drawer.begin)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
