"""`l2xbench bundle` and `l2xbench merge`, from two labs' runs to one page."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from tests.commands.test_bundle import member_changed
from tests.conftest import Command
from tests.report.results import make_results
from tests.stories.test_cli import contents
from tests.stories.test_survival import OTHER, TINY

BLOCKS = {
    "heatmaps": None,
    "ablation": {"ratios": [0.1, 0.3], "random_orders": 2},
    "similarity": {"size": 8, "crops": 3, "permutations": 19, "bootstrap": 20},
}
SIMILARITY = {"similarity": {"size": 8, "crops": 5, "permutations": 19, "bootstrap": 20}}


def another(features: int) -> dict[str, object]:
    return {**TINY, "arch": {"type": "CARN", "n_feats": features, "n_blocks": 1}}


def measured(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=[name for name in table if name.endswith("seconds")])


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_labs_results_are_those_of_one(
    l2xbench: Command, tmp_path: Path, write_study: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = {"p": TINY, "q": another(5)}, {"r": OTHER, "s": another(7)}
    for name, models in (("a", a), ("b", b), ("both", {**a, **b})):
        done = l2xbench("run", write_study(models=models, **BLOCKS), "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
    done = l2xbench("bundle", tmp_path / "b")
    assert done.returncode == 0, done.stderr
    assert "b.zip" in done.stdout and "maps included" in done.stdout

    def no_network(*_: object, **__: object) -> None:
        raise AssertionError("a network was built")

    monkeypatch.setattr("l2xbench.run.worker.build", no_network)
    merged = tmp_path / "merged"
    done = l2xbench("merge", tmp_path / "a", tmp_path / "b.zip", "--out", merged)
    assert done.returncode == 0, done.stderr
    tables = {path.name for path in (tmp_path / "both/tables").glob("*.csv")}
    assert {path.name for path in (merged / "tables").glob("*.csv")} == {*tables, "sources.csv"}
    for name in tables - {"failures.csv"}:
        one, other = (measured(pd.read_csv(root / "tables" / name)) for root in (tmp_path / "both", merged))
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert {path.name for path in (tmp_path / "both/figures").iterdir()} <= {
        path.name for path in (merged / "figures").iterdir()
    }
    sources = pd.read_csv(merged / "tables/sources.csv")
    assert dict(zip(sources["model"], sources["source"], strict=True)) == dict(
        **dict.fromkeys(("bicubic", "p", "q"), "a"), **dict.fromkeys(("r", "s"), "b")
    )
    page = (merged / "report.html").read_text()
    assert "Where each network was measured" in page and "see tables/sources" in page
    assert "a: bicubic, p, q; b: r, s" in (merged / "tables/restoration.md").read_text()

    before = contents(merged)
    assert l2xbench("report", merged).returncode == 0
    after = contents(merged)
    assert [name for name in before if name.startswith("tables/") and after[name] != before[name]] == []
    again = l2xbench("merge", tmp_path / "a", tmp_path / "b.zip", "--out", merged)
    assert again.returncode == 2 and "is there already" in again.stderr


def test_a_bundle_without_maps_is_merged_too(l2xbench: Command, tmp_path: Path) -> None:
    a, b = make_results(tmp_path / "a", models=["edsr"]), make_results(tmp_path / "b", models=["rcan"])
    (b / "report.html").write_text("a page")
    assert l2xbench("bundle", b, "--no-maps").returncode == 0
    done = l2xbench("merge", a, tmp_path / "b.zip", "--out", tmp_path / "merged")
    assert done.returncode == 0, done.stderr
    cost = pd.read_csv(tmp_path / "merged/tables/cost.csv")
    assert {"l2x", "inference"} <= set(cost[cost["model"] == "rcan"]["method"])
    assert (tmp_path / "merged/attributions/Set5/edsr/baby.npz").is_file()
    assert not (tmp_path / "merged/attributions/Set5/rcan").exists()
    assert (tmp_path / "merged/figures/heatmap-Set5-baby.png").is_file()


def test_parts_of_a_study_are_merged_by_themselves(l2xbench: Command, tmp_path: Path) -> None:
    for name, models in (("a", ["edsr", "rcan"]), ("b", ["swinir", "carn"])):
        make_results(tmp_path / name, models=models, heatmaps=None)
        make_results(tmp_path / name, models=models, only="similarity", heatmaps=None, **SIMILARITY)
    done = l2xbench("merge", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "merged")
    assert done.returncode == 0, done.stderr
    pairs = pd.read_csv(tmp_path / "merged/tables/cka.csv")
    assert ("edsr", "swinir") in set(zip(pairs["model_a"], pairs["model_b"], strict=True))
    assert json.loads((tmp_path / "merged/manifest-similarity.json").read_text())["only"] == "similarity"


def test_what_one_network_alone_does_not_have_is_told(l2xbench: Command, tmp_path: Path) -> None:
    make_results(tmp_path / "a", models=["edsr", "rcan"], heatmaps=None, **SIMILARITY)
    make_results(tmp_path / "b", models=["swinir"], heatmaps=None, **SIMILARITY)
    done = l2xbench("merge", tmp_path / "a", tmp_path / "b", "--out", tmp_path / "merged")
    assert done.returncode == 0, done.stderr
    told = "not measured in b: a study of so few networks has no similarity"
    assert told in done.stdout
    failures = pd.read_csv(tmp_path / "merged/tables/failures.csv")
    assert set(failures["model"]) == {"swinir"} and set(failures["reason"]) == {told} and len(failures) == 3
    table = pd.read_csv(tmp_path / "merged/tables/restoration.csv")
    assert set(table["model"]) == {"bicubic", "edsr", "rcan", "swinir"}


def test_networks_measured_alone_are_compared_once_they_are_merged(l2xbench: Command, tmp_path: Path) -> None:
    alone = {"similarity": {**SIMILARITY["similarity"], "alone": True}}
    make_results(tmp_path / "a", models=["edsr"], heatmaps=None, **alone)
    make_results(tmp_path / "b", models=["swinir"], heatmaps=None, **alone)
    make_results(tmp_path / "c", models=["rcan", "carn"], heatmaps=None, **SIMILARITY)
    done = l2xbench("merge", *(tmp_path / name for name in "abc"), "--out", tmp_path / "merged")
    assert done.returncode == 0, done.stderr
    pairs = pd.read_csv(tmp_path / "merged/tables/cka.csv")
    networks = pairs[pairs["model_b"] != "difference"]
    assert len(networks) == 6 and set(networks["samples"]) == {15} and networks["dcka"].notna().all()
    assert pd.read_csv(tmp_path / "merged/tables/failures.csv").empty


def test_maps_of_one_network_alone_are_compared_with_nothing(l2xbench: Command, tmp_path: Path) -> None:
    alone = {"similarity": {**SIMILARITY["similarity"], "alone": True}}
    make_results(tmp_path / "a", models=["edsr"], heatmaps=None, **alone)
    assert l2xbench("report", tmp_path / "a").returncode == 0
    assert not (tmp_path / "a/tables/cka.csv").exists()


def same_place(folder: Path) -> list[object]:
    return [folder / "a", folder / "a"]


def not_a_bundle(folder: Path) -> list[object]:
    (folder / "c.zip").write_bytes(b"hello")
    return [folder / "a", folder / "c.zip"]


def bundled(folder: Path, name: str, change: Callable[[bytes], bytes]) -> list[object]:
    """A bundle of b with one file changed, and its checksum too."""
    member_changed(folder / "b.zip", folder / "c.zip", name, change)
    return [folder / "a", folder / "c.zip"]


JOURNAL = "records/restoration/Set5/rcan/units.journal"
WRONG: dict[str, tuple[Callable[[Path], list[object]], list[str]]] = {
    "one": (lambda folder: [folder / "a"], ["two results folders or bundles are needed"]),
    "one twice": (same_place, ["is named twice"]),
    "no folder": (lambda folder: [folder / "a", folder / "absent"], ["absent", "no such folder"]),
    "no bundle": (not_a_bundle, ["c.zip: not a whole zip archive"]),
    "no manifest": (lambda folder: bundled(folder, "manifest.json", lambda text: b"[]"), ["c", "not a manifest"]),
    "another study": (
        lambda folder: bundled(folder, "manifest.json", lambda text: text.replace(b'"scale": 4', b'"scale": 2')),
        ["c: measured otherwise than a: scale is 2, there 4"],
    ),
    "a journal cut short": (lambda folder: bundled(folder, JOURNAL, lambda text: text[:40]), ["c: 3 of its units"]),
    "a journal of another kind": (
        lambda folder: bundled(folder, JOURNAL, lambda text: with_checksum(b"done\tab")),
        ["c: its records are none of l2xbench"],
    ),
}


def with_checksum(rest: bytes) -> bytes:
    import zlib

    return b"%08x\t%b\n" % (zlib.crc32(rest), rest)


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labs")
    make_results(folder / "a", models=["edsr"], heatmaps=None)
    make_results(folder / "b", models=["rcan"], heatmaps=None)
    (folder / "b/report.html").write_text("a page")
    return folder


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_merged_is_told_in_one_line(l2xbench: Command, labs: Path, wrong: str) -> None:
    if not (labs / "b.zip").exists():
        assert l2xbench("bundle", labs / "b").returncode == 0
    make, expected = WRONG[wrong]
    done = l2xbench("merge", *make(labs), "--out", labs / "merged")
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    for part in expected:
        assert part in done.stderr
    assert not [path.name for path in labs.iterdir() if path.name.startswith((".", "merged"))]


def test_a_picture_that_is_none_is_told_and_leaves_nothing(l2xbench: Command, labs: Path) -> None:
    if not (labs / "b.zip").exists():
        assert l2xbench("bundle", labs / "b").returncode == 0
    places = bundled(labs, "sr/Set5/rcan/baby.png", lambda png: bytes(len(png)))
    done = l2xbench("merge", *places, "--out", labs / "merged")
    assert done.returncode == 2 and "sr/Set5/rcan/baby.png" in done.stderr
    assert not (labs / "merged").exists()
    with zipfile.ZipFile(labs / "c.zip") as archive:
        assert "report.html" in archive.namelist()
