"""What planning, resuming and tables take for a study larger than any machine: synthetic records, no network is run.

    python scripts/simulate_scale.py                                    # 1,000 networks x 1,000 images x 10 methods
    python scripts/simulate_scale.py --networks 100 --files             # with a (hollow) file for each map

A study of networks that share one tiny architecture, and of tiny images, is planned as `l2xbench run` plans it; its
store is filled with records of made-up numbers, all but a random share of the units, as interrupted runs leave them;
then it is resumed up to the point where the units that are left would run, and its tables are made. Each step runs in a
process of its own, and its seconds and peak memory are printed.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from l2xbench.commands.status import show_status
from l2xbench.draw.drawers import Drawers
from l2xbench.report.build import build_report
from l2xbench.run import runner
from l2xbench.run.engine import Bundles, OnStart, Refill
from l2xbench.run.jobs import Job, JobResult
from l2xbench.run.manifest import make_manifest
from l2xbench.run.plan import Plan, make_plan
from l2xbench.store.journal import DONE, JournalBlock
from l2xbench.store.paths import FOLDERS, journal_path
from l2xbench.store.results import Results
from l2xbench.store.rows import ROWS_A_BLOCK
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName
from l2xbench.studies.reading import read_study

METHODS = ["l2x", "gradient", "input_x_gradient", "integrated_gradients", "smoothgrad", "guided_backprop", "deconvnet"]
METHODS += ["occlusion", "deeplift", "lam"]


class Quiet:
    """Progress that nobody sees."""

    def start(self, total: int) -> None: ...
    def working(self, what: str) -> None: ...
    def advance(self, units: int, *, reused: bool = False) -> None: ...
    def failed(self, failure: object) -> None: ...
    def note(self, text: str) -> None: ...


class Counting:
    """An engine that only counts what it is given."""

    described = "nowhere"
    threads = 1
    is_here = False

    def __init__(self) -> None:
        self.jobs = 0

    def run(self, bundles: Bundles, refill: Refill, on_start: OnStart) -> Iterator[tuple[Job, JobResult]]:
        for bundle in bundles:
            self.jobs += len(bundle)
        yield from ()

    def close(self) -> None: ...


def write_study(folder: Path, networks: int, images: int, methods: int) -> Path:
    """A study of so many networks, images and methods."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir()
    for number in range(images):
        pixels = random.integers(0, 256, size=(16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"images/img_{number:04}.png")
    network = {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": 1}, "weights": "random"}
    study = {
        "study": "scale",
        "device": "cpu",
        "models": {f"net_{number:04}": network for number in range(networks)},
        "datasets": {"synthetic": "./images"},
        "attribution": {"methods": METHODS[:methods]},
        "heatmaps": None,
    }
    path = folder / "scale.yaml"
    path.write_text(yaml.dump(study, Dumper=getattr(yaml, "CDumper", yaml.Dumper)))
    return path


def plan(folder: Path) -> Plan:
    """The study's plan."""
    return make_plan(read_study(str(folder / "scale.yaml")), folder / "out")


def count(folder: Path) -> str:
    """Plans, and counts the units."""
    found = plan(folder)
    return f"{sum(len(dataset.pairs) for _, dataset in found.groups()):,} units"


def fill(folder: Path, share: float, files: bool) -> str:
    """Writes the records of a random share of the units, in the form that a run leaves."""
    found = plan(folder)
    store = Store(found.out)
    store.prepare()
    runner.run(found, store, Quiet(), Counting())  # the images' own records
    random = np.random.default_rng(1)
    records = store.records()
    rows = written = 0
    for name, recipe in records.wanted:
        path = store.root / journal_path(name)
        if not name.model or path.exists():
            continue
        images, digests = records.images[name.dataset]
        chosen = np.flatnonzero(random.random(len(images)) < share)
        lines = []
        for start in range(0, len(chosen), ROWS_A_BLOCK):
            part = chosen[start : start + ROWS_A_BLOCK].tolist()
            picked = [images[row] for row in part], [digests[row] for row in part]
            told = _files(store, name, picked[0]) if files else {}
            lines.append(JournalBlock.from_rows(DONE, recipe, *picked, told, _values(name, len(part), random)).line())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines))
        rows += len(chosen)
        written += path.stat().st_size
    return f"{rows:,} records written into {len(records.wanted):,} journals, {written / 1e9:.2f} GB"


def _values(name: GroupName, rows: int, random: np.random.Generator) -> dict[str, Any]:
    """Made-up numbers, by the names that the studies give them."""
    seconds = {"seconds": random.random(rows).tolist()}
    if name.study == "restoration":
        psnr, ssim = random.normal(30, 3, rows).tolist(), random.random(rows).tolist()
        return {**seconds, "parameters": [12345] * rows, "psnr": psnr, "ssim": ssim}
    return {**seconds, "delta": random.random(rows).tolist(), "completeness_error": random.random(rows).tolist()}


def _files(store: Store, name: GroupName, images: list[str]) -> dict[str, Any]:
    """Empty files where the studies would leave theirs."""
    what = "sr" if name.study == "restoration" else "attribution"
    ending = "png" if what == "sr" else "npz" if name.label == "l2x" else f"{name.label}.npz"
    before = f"{FOLDERS[name.study, what]}/{name.dataset}/{name.model}/"
    (store.root / before).mkdir(parents=True, exist_ok=True)
    for image in images:
        (store.root / before / f"{image}.{ending}").touch()
    return {what: {"path": [before, f".{ending}"], "sizes": [0] * len(images)}}


def resume(folder: Path) -> str:
    """All of a run but the work: which units are left?"""
    found = plan(folder)
    engine = Counting()
    result = runner.run(found, Store(found.out), Quiet(), engine)
    return f"{result.reused:,} found done, {engine.jobs:,} left"


def tables(folder: Path) -> str:
    """Makes the tables of what is done."""
    found = plan(folder)
    store = Store(found.out)
    result = runner.Result(store.records())
    manifest = make_manifest(found, result, started=datetime.now(timezone.utc), command="", engine=Counting())
    build_report(Results(store, "manifest.json", manifest, result.records), [], Quiet(), Drawers())
    lines = (store.root / "tables/cost.csv").read_text().splitlines()
    return f"{len(lines) - 1:,} rows of tables/cost.csv"


def status(folder: Path) -> str:
    """Shows what `l2xbench run --status` does."""
    show_status(read_study(str(folder / "scale.yaml")), folder / "out")
    return "as above"


STEPS: dict[str, Callable[..., str]] = {
    "plan": count,
    "fill": fill,
    "resume": resume,
    "tables": tables,
    "status": status,
}


def measured(step: Callable[..., str], *arguments: Any) -> tuple[str, float, float, float]:
    """A step in this process: what it says, its seconds, those of the CPU, the process's peak memory in GB."""
    started, busy = time.perf_counter(), time.process_time()
    said = step(*arguments)
    spent = time.perf_counter() - started, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return said, *spent, peak / 1e9


def main() -> None:
    """Prints a line a step."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=1000)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--methods", type=int, default=10, choices=range(1, 11), metavar="1..10")
    parser.add_argument("--done", type=float, default=0.99, help="share of the units that is done")
    parser.add_argument("--files", action="store_true", help="an empty file for each map and SR image")
    parser.add_argument("--folder", type=Path, help="where to work and leave all; by default a temporary folder here")
    parser.add_argument("--steps", default=",".join(STEPS), help="of these, in this order")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = chosen.folder
        if folder is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="scale-", dir=Path.cwd())))
        if not (folder / "scale.yaml").exists():
            folder.mkdir(parents=True, exist_ok=True)
            write_study(folder, chosen.networks, chosen.images, chosen.methods)
        context = multiprocessing.get_context("spawn")
        for name in chosen.steps.split(","):
            more = (chosen.done, chosen.files) if name == "fill" else ()
            with ProcessPoolExecutor(1, mp_context=context) as alone:
                said, seconds, busy, peak = alone.submit(measured, STEPS[name], folder, *more).result()
            print(f"{name:8} {seconds:7.1f} s (CPU {busy:.1f} s) {peak:6.2f} GB   {said}", flush=True)


if __name__ == "__main__":
    main()
