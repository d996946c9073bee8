"""Which results go together, and what their manifest says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from l2xbench.errors import RequestError
from l2xbench.run.merge import MergePart, merge
from l2xbench.run.results import read_runs
from l2xbench.store.store import Store
from tests.report.results import make_results

ABLATION = {"ratios": [0.1, 0.2], "random_orders": 2}


def part(
    folder: Path, *models: str, change: Callable[[dict[str, Any]], None] = lambda told: None, **more: Any
) -> MergePart:
    root = make_results(folder, models=models, **more)
    told = json.loads((root / "manifest.json").read_text())
    change(told)
    (root / "manifest.json").write_text(json.dumps(told))
    (run,) = read_runs(Store(root))
    return MergePart(folder.name, run)


def test_the_networks_of_all_places_are_there(tmp_path: Path) -> None:
    def elsewhere(told: dict[str, Any]) -> None:
        told |= {"device": "cuda:0 (H)", "threads": 8, "versions": {"torch": "2.4"}}

    a, b = part(tmp_path / "a", "edsr", "rcan"), part(tmp_path / "b", "rcan", "swinir", change=elsewhere)
    b.manifest.models["bicubic"].__dict__["identity"] = "of another PyTorch"
    merged = merge([a, b], "l2xbench merge a b")
    manifest = merged.manifest
    assert list(manifest.models) == ["bicubic", "edsr", "rcan", "swinir"]
    assert list(manifest.study.models) == ["edsr", "rcan", "swinir"]
    assert [(each.place, list(names)) for each, names in merged.taken] == [
        ("a", ["", "bicubic", "edsr", "rcan"]),
        ("b", ["swinir"]),
    ]
    assert [(source.name, source.models) for source in manifest.sources] == [
        ("a", ["bicubic", "edsr", "rcan"]),
        ("b", ["swinir"]),
    ]
    assert manifest.measured_on == "cpu, 2 threads (bicubic, edsr, rcan); cuda:0 (H), 8 threads (swinir)"
    assert manifest.versions == {"torch": "2.0; 2.4"} and manifest.threads is None
    assert manifest.command == "l2xbench merge a b"


def test_what_was_merged_is_merged_again(tmp_path: Path) -> None:
    a, b, c = (part(tmp_path / name, model) for name, model in (("a", "edsr"), ("b", "rcan"), ("c", "swinir")))
    both = merge([a, b], "")
    again = MergePart("both", type(a.results)(a.results.store, "manifest.json", both.manifest, a.results.records))
    assert [source.name for source in merge([again, c], "").manifest.sources] == ["a", "b", "c"]


def test_how_results_are_shown_does_not_matter(tmp_path: Path) -> None:
    a = part(tmp_path / "a", "edsr", title="Ours")
    b = part(tmp_path / "b", "rcan", title="Theirs", heatmaps={"palette": "blue-orange"})
    assert merge([a, b], "").manifest.study.title == "Ours"


def other_pixels(told: dict[str, Any]) -> None:
    told["datasets"]["Set5"]["images"]["bird"] = None


def other_weights(told: dict[str, Any]) -> None:
    told["models"]["edsr"]["weights"] = "theirs.pth"


DIFFERENT: dict[str, tuple[dict[str, Any], list[str]]] = {
    "options": ({"ablation": {**ABLATION, "ratios": [0.1, 0.3]}}, ["ablation.ratios is [0.1, 0.3], there [0.1, 0.2]"]),
    "a study": ({"ablation": None}, ["ablation is off, there"]),
    "another study": ({"ablation": ABLATION, "randomisation": {"depths": [0.5]}}, ["randomisation", "there off"]),
    "scale": ({"scale": 2}, ["scale is 2, there 4"]),
    "seed": ({"seed": 3}, ["seed is 3, there 0"]),
    "maps": (
        {"ablation": ABLATION, "attribution": {"reference": "mean"}},
        ["attribution.reference is mean, there blur"],
    ),
    "images": ({"ablation": ABLATION, "images": {"Set5": ["baby", "bird"]}}, ["datasets.Set5: 'head' is in a and not"]),
    "datasets": ({"ablation": ABLATION, "images": {"Set14": ["baby"]}}, ["datasets are Set14, there Set5"]),
}


@pytest.mark.parametrize("different", DIFFERENT)
def test_what_was_measured_otherwise_is_refused(tmp_path: Path, different: str) -> None:
    blocks, expected = DIFFERENT[different]
    a = part(tmp_path / "a", "edsr", ablation=ABLATION)
    b = part(tmp_path / "b", "rcan", **blocks)
    with pytest.raises(RequestError) as raised:
        merge([a, b], "")
    told = str(raised.value)
    assert told.startswith("b: measured o") and "\n" not in told
    for words in expected:
        assert words in told


def test_other_pixels_are_refused(tmp_path: Path) -> None:
    a, b = part(tmp_path / "a", "edsr"), part(tmp_path / "b", "rcan", change=other_pixels)
    with pytest.raises(
        RequestError, match=r"b: measured on other images than a: datasets.Set5: 'bird' has other pixels"
    ):
        merge([a, b], "")


def test_two_networks_of_one_name_are_refused(tmp_path: Path) -> None:
    a, b = part(tmp_path / "a", "edsr"), part(tmp_path / "b", "edsr", change=other_weights)
    assert merge([a, b], "").manifest.models["edsr"].weights == "edsr.pth"  # the same network, told otherwise
    b.manifest.models["edsr"].__dict__["identity"] = "0123456789abcdef"
    with pytest.raises(
        RequestError, match=r"b: models.edsr: other weights or code than in a .*theirs.pth, 0123456789ab"
    ):
        merge([a, b], "")


def test_records_of_another_version_are_refused(tmp_path: Path) -> None:
    a, b = part(tmp_path / "a", "edsr"), part(tmp_path / "b", "rcan")
    (tmp_path / "b/records/restoration/Set5/rcan/units.journal").unlink()
    (run,) = read_runs(Store(tmp_path / "b"))
    with pytest.raises(RequestError, match="b: 3 of its units of work have no record that counts .*0.1.0 there"):
        merge([a, MergePart("b", run)], "")
    assert b.results.missing == 0
