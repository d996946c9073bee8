"""What the runner hands to an engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from l2xbench.data import pairs
from l2xbench.data.pairs import ImagePair, LoadedPair
from l2xbench.run import runner
from l2xbench.run.choice import settings_of
from l2xbench.run.engine import Bundles, OnStart, Refill
from l2xbench.run.in_process import InProcess
from l2xbench.run.jobs import Job, JobResult
from l2xbench.run.plan import Plan, make_plan
from l2xbench.store.store import Store
from l2xbench.studies.reading import read_study
from tests.report.page.conftest import Silent


class Noting:
    """An engine that only notes what it is given."""

    described = "noting"
    threads = 1

    def __init__(self, is_here: bool) -> None:
        self.is_here = is_here
        self.jobs: list[Job] = []

    def run(self, bundles: Bundles, refill: Refill, on_start: OnStart) -> Iterator[tuple[Job, JobResult]]:
        for bundle in bundles:
            self.jobs += bundle
            yield from ((job, JobResult(reason="noted", lasting=False)) for job in bundle)

    def close(self) -> None: ...


@pytest.fixture
def plan(write_study: Callable[..., Path], tmp_path: Path) -> Plan:
    """Three images, bicubic and one network, maps."""
    return make_plan(read_study(str(write_study(heatmaps=None))), tmp_path / "out")


def test_pixels_stay_in_this_process(plan: Plan) -> None:
    """Sent to another, they would be copied with every unit."""
    kinds = []
    for is_here in (True, False):
        engine = Noting(is_here)
        store = Store(plan.out / str(is_here))
        store.prepare()
        runner.run(plan, store, Silent(), engine)
        kinds.append({type(job.pair) for job in engine.jobs})
    assert kinds == [{LoadedPair}, {ImagePair}]


def test_each_image_is_decoded_once(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    original = pairs.read_image
    monkeypatch.setattr(pairs, "read_image", lambda path: read.append(path) or original(path))
    store = Store(plan.out)
    store.prepare()
    result = runner.run(plan, store, Silent(), InProcess(settings_of(plan)))
    assert result.failures == []
    assert sorted(path.name for path in read) == ["photo0.png", "photo1.png", "photo2.png"]
