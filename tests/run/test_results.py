"""From a manifest to the records that it describes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.run.results import all_failures, read_runs
from l2xbench.store import journal
from l2xbench.store.journal import DONE, JournalBlock
from l2xbench.store.records import Failure
from l2xbench.store.store import Store
from l2xbench.studies.attribution.options import HeatmapOptions
from tests.report.results import EVERYTHING, make_results, units_of

FAILED = Failure("attribution", "Set5", "edsr", "baby", "l2x", "RuntimeError: no map today")


def test_every_record_of_the_manifest_is_found_in_order(tmp_path: Path) -> None:
    (run,) = read_runs(Store(make_results(tmp_path, **EVERYTHING)))
    assert run.missing == 0 and run.failures == []
    assert run.manifest.only is None and run.manifest.measured_on == "cpu, 2 threads"
    studies = list(dict.fromkeys(record.study for record in run.records))
    assert studies == ["inputs", "restoration", "attribution", "ablation", "similarity", "randomisation", "sensitivity"]
    assert list(dict.fromkeys(record.model for record in run.records)) == ["", "bicubic", "edsr", "rcan"]
    assert {record.study for record in run.records if record.model == "bicubic"} == {"restoration"}


def test_records_of_another_option_do_not_count(tmp_path: Path) -> None:
    make_results(tmp_path)
    manifest = (tmp_path / "manifest.json").read_text()
    make_results(tmp_path, attribution={"reference": "mean"})
    (tmp_path / "manifest.json").write_text(manifest)
    (run,) = read_runs(Store(tmp_path))
    assert {record.study for record in run.records} == {"inputs", "restoration"}
    assert run.missing == 2 * 3


def test_what_failed_is_not_missing_and_is_told_until_it_is_done(tmp_path: Path) -> None:
    (run,) = read_runs(Store(make_results(tmp_path, failures=[FAILED])))
    assert run.failures == [FAILED] and run.missing == 0
    make_results(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["failures"] = [asdict(FAILED)]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (run,) = read_runs(Store(tmp_path))
    assert run.failures == [] and run.missing == 0


def test_the_whole_study_comes_first_and_failures_of_all_are_one_list(tmp_path: Path) -> None:
    options = {"failures": [FAILED], "ablation": {"ratios": [0.5]}}
    make_results(tmp_path, only="ablation", **options)
    make_results(tmp_path, only="similarity", similarity={"size": 8}, failures=[FAILED])
    make_results(tmp_path, **options)
    runs = read_runs(Store(tmp_path))
    assert [run.name for run in runs] == ["manifest.json", "manifest-ablation.json", "manifest-similarity.json"]
    assert "ablation" in {record.study for record in runs[1].records}
    assert {record.study for record in runs[2].records} == {"inputs", "similarity"}
    assert all_failures(runs) == [FAILED]
    assert [run.name for run in read_runs(Store(tmp_path), but="manifest.json")] == [run.name for run in runs[1:]]


def test_an_older_manifest_gets_the_keys_that_are_new(tmp_path: Path) -> None:
    make_results(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["study"]["heatmaps"]["zoom"], manifest["failures"], manifest["only"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    (run,) = read_runs(Store(tmp_path))
    assert run.config.block(HeatmapOptions).zoom == "auto" and run.missing == 0


@pytest.mark.parametrize("outside", [["../secret.png"], ["/", ".png"], ["sr/../../", ".png"]])
def test_a_record_that_points_outside_its_folder_is_not_followed(tmp_path: Path, outside: list[str]) -> None:
    make_results(tmp_path / "results")
    (tmp_path / "secret.png").write_bytes(b"12345")
    path = tmp_path / "results/records/restoration/Set5/edsr/units.journal"
    first, *others = journal.read(path).blocks
    told = {"sr": {"path": outside, "sizes": [5]}}
    journal.rewrite(path, [JournalBlock.from_rows(DONE, first.recipe, *first.rows, told, first.values()), *others])
    store = Store(tmp_path / "results")
    (run,) = read_runs(store)
    assert run.missing == 1
    shown = [record.image for record in run.records.of_studies("restoration") if record.model == "edsr"]
    assert shown == ["bird", "head"]
    unit = next(u for u in units_of(run.config, "Set5", "baby", "edsr"))
    assert store.find(unit, unit.key("identity of edsr", "digest of baby")) is None


def test_a_method_that_is_no_name_is_told(tmp_path: Path) -> None:
    make_results(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["study"]["attribution"]["methods"] = ["../../x"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RequestError, match="no method's name"):
        read_runs(Store(tmp_path))


def test_a_study_that_is_not_valid_is_told_by_key(tmp_path: Path) -> None:
    make_results(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    manifest["study"]["scale"] = 99
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(RequestError, match=r"manifest.json.*scale"):
        read_runs(Store(tmp_path))
