"""`l2xbench report` as a user runs it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Command
from tests.report.results import make_results
from tests.stories.test_cli import contents


@pytest.mark.slow
def test_everything_is_made_again_from_the_records_alone(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    ablation = {"ratios": [0.1, 0.3], "random_orders": 2}
    done = l2xbench("run", write_study(ablation=ablation), "--out", out)
    assert done.returncode == 0, done.stderr
    assert "report.html" in done.stdout and "one file" in done.stdout
    before = contents(out)
    assert "tables/table1.tex" in before and "figures/cost-faithfulness.pdf" in before
    for folder in ("tables", "figures"):
        shutil.rmtree(out / folder)
    (out / "report.html").unlink()

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr("l2xbench.run.worker.build", no_network)
    again = l2xbench("report", out)
    assert again.returncode == 0, again.stderr
    after = contents(out)
    assert after.keys() == before.keys()
    assert [name for name in before if before[name] != after[name] and not name.startswith("records/")] == []


def test_other_colours_and_a_folder(l2xbench: Command, tmp_path: Path) -> None:
    root = make_results(tmp_path / "results")
    assert l2xbench("report", root).returncode == 0
    green = (root / "figures/heatmap-Set5-baby.png").read_bytes()
    done = l2xbench("report", root, "--palette", "blue-orange", "--folder")
    assert done.returncode == 0, done.stderr
    assert "in its folder for 3 images" in done.stdout
    assert (root / "figures/heatmap-Set5-baby.png").read_bytes() != green
    assert '"palette":"blue-orange"' in (root / "report.html").read_text()
    assert (root / "report_files/Set5/baby.js").is_file()


def test_tables_are_left_where_records_are_gone(l2xbench: Command, tmp_path: Path) -> None:
    root = make_results(tmp_path / "results")
    assert l2xbench("report", root).returncode == 0
    table = (root / "tables/table1.csv").read_bytes()
    (root / "sr/Set5/edsr/baby.png").unlink()
    done = l2xbench("report", root)
    assert done.returncode == 0, done.stderr
    assert "manifest.json: 1 of its units have no record here" in " ".join(done.stdout.split())
    assert (root / "tables/table1.csv").read_bytes() == table


def a_file(folder: Path) -> Path:
    path = folder / "file"
    path.touch()
    return path


def unfinished(folder: Path) -> Path:
    (folder / "records").mkdir()
    return folder


def written(text: str) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "manifest.json").write_text(text)
        return folder

    return write


def reaching_outside(folder: Path) -> Path:
    make_results(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["datasets"]["Set5"]["images"]["../../../x"] = "digest"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


WRONG: dict[str, tuple[Callable[[Path], Path], list[str]]] = {
    "no folder": (lambda folder: folder / "absent", ["absent", "no such folder", "results/demo"]),
    "a file": (a_file, ["is a file", "results folder"]),
    "another folder": (lambda folder: folder, ["no results folder", "manifest.json"]),
    "a run that was stopped": (unfinished, ["has not finished", "again"]),
    "not JSON": (written("{"), ["manifest.json", "cannot be read"]),
    "another program's": (written('{"name": "app"}'), ["manifest.json", "not a manifest of l2xbench"]),
    "a list": (written("[]"), ["manifest.json", "not a manifest of l2xbench"]),
    "a name that leaves the folder": (reaching_outside, ["manifest.json", "../../../x", "no image's name"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_no_results_folder_is_told_in_one_line(l2xbench: Command, tmp_path: Path, wrong: str) -> None:
    make, expected = WRONG[wrong]
    done = l2xbench("report", make(tmp_path))
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for part in expected:
        assert part in done.stderr


def test_an_unknown_palette_is_told(l2xbench: Command, tmp_path: Path) -> None:
    done = l2xbench("report", make_results(tmp_path), "--palette", "jet")
    assert done.returncode == 2 and "'jet' is not one of green-red, blue-orange" in done.stderr
