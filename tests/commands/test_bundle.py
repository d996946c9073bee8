"""`l2xbench bundle` as a user runs it."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from l2xbench.store.archive import CHECKSUMS
from tests.conftest import Command
from tests.report.results import make_results


def member_changed(archive: Path, target: Path, name: str, change: Callable[[bytes], bytes]) -> None:
    """A copy of a bundle whose checksums are right, as somebody would make it who means harm."""
    with zipfile.ZipFile(archive) as opened:
        files = {each: opened.read(each) for each in opened.namelist() if each != CHECKSUMS}
    files[name] = change(files[name])
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as written:
        for each, content in files.items():
            written.writestr(each, content)
        sums = (f"{hashlib.sha256(content).hexdigest()}  {each}\n" for each, content in files.items())
        written.writestr(CHECKSUMS, "".join(sums))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    root = make_results(tmp_path / "results")
    for name in ("report.html", "report_files/Set5/baby.js", "tables/cost.csv", "figures/heatmap.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("made from the records")
    return root


def test_everything_that_counts_is_in_it(l2xbench: Command, results: Path) -> None:
    (results / "notes.txt").write_text("mine")
    done = l2xbench("bundle", results)
    assert done.returncode == 0, done.stderr
    archive = results.with_name("results.zip")
    assert archive.is_file()
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        lines = opened.read(CHECKSUMS).decode().splitlines()
        assert dict(reversed(line.split("  ", 1)) for line in lines) == {
            name: hashlib.sha256(opened.read(name)).hexdigest() for name in names if name != CHECKSUMS
        }
    on_disk = {path.relative_to(results).as_posix() for path in results.rglob("*") if path.is_file()}
    left_out = {name for name in on_disk - set(names) if not name.startswith((".", "records/"))}
    assert left_out == {"notes.txt"}
    assert set(names) - on_disk == {CHECKSUMS}
    assert names[0] == "manifest.json" and "attributions/Set5/edsr/baby.npz" in names


def test_the_same_folder_gives_the_same_bytes(l2xbench: Command, results: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        assert l2xbench("bundle", results, "--out", tmp_path / name).returncode == 0
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_without_maps_it_is_smaller(l2xbench: Command, results: Path, tmp_path: Path) -> None:
    sizes = []
    for flag in ("--maps", "--no-maps"):
        assert l2xbench("bundle", results, "--out", tmp_path / "a.zip", flag).returncode == 0
        with zipfile.ZipFile(tmp_path / "a.zip") as opened:
            sizes.append(sum(info.file_size for info in opened.infolist()))
    assert sizes[1] < sizes[0]
    assert not any(name.startswith("attributions/") for name in zipfile.ZipFile(tmp_path / "a.zip").namelist())


WRONG: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "no results": (lambda root: (root / "manifest.json").unlink(), ["has not finished"]),
    "no page": (lambda root: (root / "report.html").unlink(), ["has no report.html", "l2xbench report"]),
    "a file is gone": (lambda root: (root / "sr/Set5/edsr/baby.png").unlink(), ["1 of its units", "command again"]),
    "the file is a folder": (lambda root: root.with_name("results.zip").mkdir(), ["is a folder", "demo.zip"]),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_bundled_is_told_in_one_line(l2xbench: Command, results: Path, wrong: str) -> None:
    make, expected = WRONG[wrong]
    make(results)
    done = l2xbench("bundle", results)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for part in expected:
        assert part in done.stderr
