"""Reach from its YAML or its command to tables, figure and findings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from l2xbench.store.records import Record
from l2xbench.studies.reach import STUDY
from l2xbench.studies.reach.figure import FLOOR, ReachLine, reach_figure
from l2xbench.studies.reach.figures import reach_lines
from l2xbench.studies.reach.findings import reach_findings
from l2xbench.studies.reach.means import MEASURES, reaches
from l2xbench.studies.reach.tables import intervals_frame, reach_frame
from tests.conftest import Command
from tests.studies.results import results_of


def test_from_the_yaml_to_the_page(write_study: Callable[..., Path], l2xbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    block = {"places": {"count": 2}, "size": 8, "methods": ["l2x", "gradient"]}
    study = write_study(attribution=None, heatmaps=None, reach=block)
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(out / "tables/reach.csv")
    assert table.columns.tolist() == ["dataset", "model", "method", *MEASURES, "patches", "images"]
    assert table[["model", "method", "patches", "images"]].values.tolist() == [
        ["tiny", "l2x", 6, 3],
        ["tiny", "gradient", 6, 3],
    ]
    assert (table["radius_50"] <= table["radius_99"]).all() and table["outside"].between(0, 1).all()
    intervals = pd.read_csv(out / "tables/reach_intervals.csv")
    assert len(intervals) == 2 * len(MEASURES)
    assert (intervals["mean_low"] <= intervals["mean"] + 1e-12).all()
    for name in ("reach-photographs", "reach-photographs-gradient"):
        assert (out / f"figures/{name}.pdf").read_bytes().startswith(b"%PDF")
    page = (out / "report.html").read_text()
    assert "Reach: how far does each network look?" in page and "% beyond 2 LR pixels" in page
    assert "0 units computed" in l2xbench("run", study, "--out", out).stdout


def test_the_command_is_the_same(l2xbench: Command, tmp_path: Path, photographs: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--models", "edsr-compact", "--crop", 10, "--at", "8,8", "--size", 8, "--out", out]
    done = l2xbench("reach", photographs, *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "at 8,8 (left, top)" in (out / "tables/reach.md").read_text()
    assert pd.read_csv(out / "tables/reach.csv")["model"].tolist() == ["edsr-compact"]


def test_a_patch_outside_an_image_fails_by_name(l2xbench: Command, tmp_path: Path, photographs: Path) -> None:
    out = tmp_path / "out"
    done = l2xbench("reach", photographs, "--models", "edsr-compact", "--at", "36,8", "--out", out)
    assert done.returncode == 1
    failures = (out / "tables/failures.csv").read_text()
    assert "at 36,8 (left, top) is not within the 48 x 40 SR pixels of photo0" in failures


def record(model: str, image: str, far: float, method: str = "l2x", length: int = 12) -> Record:
    values: dict[str, Any] = {
        "patches": [[0.0, 0.0], [8.0, 8.0]],
        "radii": [[1.5, 3.5, 8.5], [2.5, 4.5, 9.5]],
        "outside": [0.5, 0.6],
        "beyond": [[0.3, far, 0.0], [0.3, far, 0.0]],
        "di": [2.0, 4.0],
        "curve": [[1.0, *[far] * (length - 2), 0.0], [1.0, far, 0.0]],
    }
    return Record(f"{model} {image} {method}", "reach", "set", model, image, method, values)


def found(records: list[Record], models: list[str], **block: Any) -> list[Any]:
    return results_of(records, models, reach=block).once(reaches)


def test_means_are_over_patches_then_images() -> None:
    records = [record("a", "one", 0.2), record("a", "two", 0.4, length=15)]
    (reach,) = found(records, ["a"])
    (row,) = reach_frame([reach]).to_dict("records")
    assert row["radius_50"] == 2 and row["di"] == 3 and row["outside"] == pytest.approx(0.55)
    assert row["beyond_8"] == pytest.approx(0.3) and (row["patches"], row["images"]) == (4, 2)
    intervals = intervals_frame([reach], 0).set_index("measure")
    low, high = intervals.loc["beyond_8", ["mean_low", "mean_high"]]
    assert low < 0.2 and high > 0.4, "two images say little"
    (line,) = reach_lines([reach], 0)
    # nothing lies beyond the end of a shorter curve
    assert line.mean[:3] == pytest.approx([1, 0.3, 0.15]) and len(line.mean) == 15
    assert line.mean[12] == pytest.approx(0.1)


def test_a_patch_without_a_map_is_left_out() -> None:
    empty = record("a", "one", 0.2)
    values: Any = empty.values
    for name in ("outside", "di"):
        values[name][1] = float("nan")
    values["radii"][1], values["beyond"][1], values["curve"][1] = [[float("nan")] * 3] * 3
    (reach,) = found([empty], ["a"])
    assert reach.by_image("outside").tolist() == [0.5] and reach.by_image("radius_99").tolist() == [8.5]
    assert np.isfinite(reach.curve).all()


def test_findings_name_the_ends_only_where_they_differ_beyond_chance() -> None:
    images = [f"i{number}" for number in range(8)]
    far = np.linspace(0.2, 0.3, 8)
    apart = [record("a", i, f) for i, f in zip(images, far, strict=True)]
    apart += [record("b", i, f / 100) for i, f in zip(images, far, strict=True)]
    (told,) = reach_findings(found(apart, ["a", "b"]), 0, 4)
    assert (told.table, told.importance) == ("reach_intervals", 1)
    assert told.sentence.startswith(
        "On 8 images of set, a looks farthest: 25.0 % (22.2 % to 27.8 %) of its l2x maps lies beyond 8 LR pixels"
    )
    assert "b looks least far, 0.2 % (" in told.sentence or "b looks least far, 0.3 % (" in told.sentence
    alike = [record("a", i, f) for i, f in zip(images, far, strict=True)]
    alike += [record("b", i, f) for i, f in zip(images, far[::-1], strict=True)]
    (told,) = reach_findings(found(alike, ["a", "b"]), 0, 4)
    assert told.sentence.startswith("On 8 images of set, no network is shown to look farther than another: what lies")
    assert " is from 25.0 % (22" in told.sentence
    assert told.sentence.endswith(("for a.", "for b.")), "there were images enough"
    few = [one for one in apart if one.image in images[:5]]
    (told,) = reach_findings(found(few, ["a", "b"]), 0, 4)
    assert told.sentence.endswith("; to tell two networks apart takes 6 images.")
    assert reach_findings(found(apart[:1] + apart[8:9], ["a", "b"]), 0, 4) == [], "one image carries no claim"


def test_findings_tell_whether_methods_agree() -> None:
    shares = {"a": 0.1, "b": 0.2, "c": 0.3, "d": 0.4}
    records = [record(model, "one", share) for model, share in shares.items()]
    records += [record(model, "one", 1 - share, "lam") for model, share in shares.items()]
    told = reach_findings(found(records, [*shares], methods=["l2x", "lam"]), 0, 4)
    assert [each.sentence for each in told] == [
        "On set, l2x and lam order 4 networks by the share beyond 8 LR pixels with a rank correlation of -1.00."
    ]


@pytest.mark.parametrize(("count", "width"), [(1, 8.5), (7, 8.5), (11, 17.5)])
def test_the_figure_has_a_curve_for_each_network(count: int, width: float) -> None:
    radii = np.arange(30)
    curves = [np.exp(-radii / (2 + number)) for number in range(count)]
    lines = [ReachLine(f"network-{n}", curve, 0.8 * curve, 1.2 * curve) for n, curve in enumerate(curves)]
    figure = reach_figure(lines, "Set: a title", 2.0, "Grey: under the patch.", 4)
    (axes,) = figure.axes
    assert len(axes.lines) == count and axes.get_yscale() == "log"
    assert axes.get_ylim()[0] == pytest.approx(FLOOR)
    looks = {(line.get_color(), str(line.get_linestyle()), line.get_marker()) for line in axes.lines}
    assert len(looks) == count, "each is told from the others"
    assert len(axes.collections) == (count if count <= 4 else 0)
    told = figure.texts[-1].get_text().replace("\n", " ")
    assert ("Bands: 95 % intervals" in told) == (count <= 4) and ("tables have the intervals" in told) == (count > 4)
    assert figure.get_size_inches()[0] * 2.54 == pytest.approx(width, abs=0.01)


def test_a_band_is_left_out_where_it_reaches_0_which_has_no_place_on_the_axis() -> None:
    mean = np.array([0.5, 0.2, 0.1, 0.05, 0.02])
    low = np.array([0.4, 0.1, 1e-7, 0, 0])
    figure = reach_figure([ReachLine("net", mean, low, 1.2 * mean)], "Set", 2.0, "Grey.", 1)
    (axes,) = figure.axes
    (band,) = axes.collections
    places = np.concatenate([path.vertices for path in band.get_paths()])
    assert places[:, 0].max() == 2 and places[:, 1].min() == FLOOR, "to the end of the axis where it lies below that"
    assert axes.get_xlabel() == "distance from the patch's middle (input pixels)"


def test_networks_are_compared_by_how_far_they_reach_on_each_image() -> None:
    shares = {"a": [0.1, 0.2], "b": [0.3, 0.5]}
    records = [record(m, i, s) for m, each in shares.items() for i, s in zip("xy", each, strict=True)]
    beyond, radius = STUDY.measures(results_of(records, ["a", "b"], reach={}))
    assert (beyond.name, beyond.unit) == ("beyond_8_l2x", "%")
    assert beyond.values == pytest.approx(np.array([[10, 20], [30, 50]]))
    assert radius.name == "radius_90_l2x" and (radius.values == 4).all()
    assert STUDY.measures(results_of(records[:2], ["a"], reach={})) == [], "one network is compared with none"
