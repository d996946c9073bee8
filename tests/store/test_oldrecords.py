"""A results folder of version 0.1.0, whose records were a JSON file a unit, is taken over or told of in one line."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

from l2xbench.config import read_study
from l2xbench.run.plan import make_plan
from l2xbench.store.oldrecords import _key
from l2xbench.store.records import Record
from l2xbench.store.store import Store
from tests.conftest import Command
from tests.stories.test_survival import BLOCKS, UNITS, tables


def as_version_0_1_0(out: Path, study: Path) -> None:
    """Makes a results folder what version 0.1.0 would have left."""
    manifest = json.loads((out / "manifest.json").read_text())
    plan = make_plan(read_study(str(study)), out)
    units = {(unit.study, unit.dataset, unit.model, unit.label): unit for unit, _ in plan.groups()}
    records: list[Record] = list(Store(out).records())
    shutil.rmtree(out / "records")
    for record in records:
        unit = units[record.study, record.dataset, record.model, record.label].at(record.image)
        network = manifest["models"].get(record.model, {"identity": ""})["identity"]
        digest = manifest["datasets"][record.dataset]["images"][record.image]
        names = ("study", "dataset", "model", "image", "label", "values", "files", "sizes")
        body = {"key": _key(unit, network, digest), **{name: getattr(record, name) for name in names}}
        body["checksum"] = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        folder = out / "records" / record.study / record.dataset / record.model
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{record.image}.{record.label}" if record.label else record.image
        (folder / f"{name}.json").write_text(json.dumps(body, indent=1))
    (out / "report.html").unlink()


def test_a_folder_of_version_0_1_0(tmp_path: Path, l2xbench: Command, write_study: Callable[..., Path]) -> None:
    study, out = write_study(**BLOCKS), tmp_path / "out"
    assert l2xbench("run", study, "--out", out).returncode == 0
    before = tables(out)
    as_version_0_1_0(out, study)

    status = l2xbench("run", study, "--out", out, "--status")
    assert "nothing has been planned here yet; its records are of the form of version 0.1.0" in status.stdout
    report = l2xbench("report", out)
    assert report.returncode == 2 and len(report.stderr.strip().splitlines()) == 1
    assert (
        "its records are of the form of version 0.1.0; the command in its manifest.json (l2xbench run " in report.stderr
    )
    assert tables(out) == before and not (out / "report.html").exists()

    images = 3
    again = l2xbench("run", study, "--out", out)
    assert again.returncode == 0, again.stderr
    assert f"{images} units computed, {UNITS - images} found done" in again.stdout, "only images are read again"
    assert tables(out) == before
    assert not [path for path in out.glob("records/*/*/?*/*.json") if path.parts[-4] != "inputs"]
    assert l2xbench("report", out).returncode == 0
