"""Tables and figures that a folder's study no longer has do not stay beside those that it has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from l2xbench.studies.registry import all_studies
from tests.conftest import Command
from tests.report.results import EVERYTHING, make_results

FILES = ("csv", "md", "tex", "png", "pdf")

SMALL = {"images": {"Set5": ["baby"]}, "heatmaps": None, "ablation": EVERYTHING["ablation"]}


def made(root: Path) -> set[str]:
    """Tables and figures, as paths below the folder."""
    return {path.relative_to(root).as_posix() for each in ("tables", "figures") for path in (root / each).glob("*.*")}


def change(root: Path, manifest: str = "manifest.json", **blocks: None) -> None:
    """The study as if its YAML had been changed and it had run again: those blocks are off."""
    path = root / manifest
    data = json.loads(path.read_text())
    data["study"] |= blocks
    path.write_text(json.dumps(data))


def test_what_a_study_no_longer_has_is_removed_and_told(tmp_path: Path, l2xbench: Command) -> None:
    root = make_results(tmp_path / "results", **EVERYTHING)
    assert l2xbench("report", root).returncode == 0
    before = made(root)
    theirs = ("ablation", "randomisation", "sensitivity", "cost-faithfulness")  # that one is of the ablation's gap
    gone = {name for name in before if name.split("/")[1].startswith(theirs)}
    assert {name.rpartition(".")[2] for name in gone} == set(FILES)
    records = set((root / "records/ablation").rglob("*.journal"))
    change(root, ablation=None, randomisation=None, sensitivity=None)
    done = l2xbench("report", root)
    assert done.returncode == 0
    assert made(root) == before - gone
    assert "of an earlier run, and are removed; its records are kept" in done.stdout
    assert set((root / "records/ablation").rglob("*.journal")) == records
    assert "removed" not in l2xbench("report", root).stdout


def test_what_the_study_has_again_comes_back(tmp_path: Path, l2xbench: Command) -> None:
    root = make_results(tmp_path / "results", **SMALL)
    assert l2xbench("report", root).returncode == 0
    before = made(root)
    whole = (root / "manifest.json").read_text()
    change(root, ablation=None)
    assert l2xbench("report", root).returncode == 0
    assert made(root) < before
    (root / "manifest.json").write_text(whole)
    assert l2xbench("report", root).returncode == 0
    assert made(root) == before


def test_files_of_the_users_own_stay(tmp_path: Path, l2xbench: Command) -> None:
    root = make_results(tmp_path / "results", **SMALL)
    assert l2xbench("report", root).returncode == 0
    mine = [root / name for name in ("figures/mine.png", "figures/mine.pdf", "tables/mine.csv", "tables/notes.md")]
    for path in mine:
        path.write_text("my own")
    change(root, ablation=None)
    assert "ablation" in l2xbench("report", root).stdout
    assert [path.read_text() for path in mine] == ["my own"] * 4


def test_another_runs_tables_stay(tmp_path: Path, l2xbench: Command) -> None:
    root = make_results(tmp_path / "results", **SMALL)
    whole = (root / "manifest.json").read_text()
    assert l2xbench("report", root).returncode == 0
    before = made(root)
    (root / "manifest-ablation.json").write_text(json.dumps(json.loads(whole) | {"only": "ablation"}))
    change(root, ablation=None)
    assert l2xbench("report", root).returncode == 0
    assert made(root) == before


def test_where_records_are_missing_nothing_is_removed(tmp_path: Path, l2xbench: Command) -> None:
    root = make_results(tmp_path / "results", **SMALL)
    assert l2xbench("report", root).returncode == 0
    before = made(root)
    change(root, ablation=None)
    next((root / "records/restoration").rglob("*.journal")).unlink()
    assert "removed;" not in l2xbench("report", root).stdout
    assert made(root) == before


def test_a_study_that_cannot_tell_its_figures_loses_none(
    tmp_path: Path, l2xbench: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_results(tmp_path / "results", **SMALL)
    assert l2xbench("report", root).returncode == 0
    before = made(root)

    def broken(results: object) -> None:
        raise ValueError("no figures today")

    study = next(each for each in all_studies() if each.name == "restoration")
    monkeypatch.setattr(study, "figures", broken)
    change(root, ablation=None)
    assert "no figures today" in l2xbench("report", root).stdout
    assert made(root) == before
