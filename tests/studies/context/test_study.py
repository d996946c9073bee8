"""Context ablation from its YAML or its command to tables, figure, page and findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from l2xbench.store.records import Record
from l2xbench.studies.context.curves import context_curves, lead_over
from l2xbench.studies.context.figure import context_figure
from l2xbench.studies.context.findings import context_findings
from l2xbench.studies.context.plotted import PlottedLoss, plotted_losses
from l2xbench.studies.context.tables import context_tables, leads_frame, mean_frame
from tests.conftest import Command
from tests.studies.results import results_of

HIDDEN = [2.0, 8.0]


@pytest.fixture
def context_study(write_study: Callable[..., Path]) -> Callable[..., Path]:
    """A study of context alone, of patches that small images have room for."""
    block = {
        "places": {"count": 2, "by": "random"},
        "size": 8,
        "hidden": [2, 8],
        "random_orders": 1,
        "order": "descending",
    }
    return lambda **more: write_study(attribution=None, heatmaps=None, context={**block, **more})


def test_from_the_yaml_to_the_page(context_study: Callable[..., Path], l2xbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    study = context_study(methods=["l2x", "gradient"])
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(out / "tables/context.csv")
    assert table["method"].drop_duplicates().tolist() == [
        *("l2x", "gradient"),
        *("distance", "difference", "near_difference", "random"),
    ]
    assert set(table["hidden"]) == {2, 8} and set(table["images"]) == {3} and set(table["model"]) == {"tiny"}
    assert (table["loss_low"] <= table["loss"]).all() and (table["loss"] <= table["loss_high"]).all()
    means = pd.read_csv(out / "tables/context_mean.csv")
    assert set(means["patches"]) == {6}
    l2x = table[table["method"] == "l2x"]
    assert means.loc[0, "loss"] == pytest.approx(l2x["loss"].mean())
    leads = pd.read_csv(out / "tables/context_leads.csv")
    assert set(leads["method"]) == {"l2x"} and leads["over"].tolist() == table["method"].drop_duplicates().tolist()[1:]
    assert "2 an image, at random, the same for every network" in (out / "tables/context.md").read_text()
    assert (out / "figures/context-photographs.png").stat().st_size > 5000
    assert (out / "figures/context-photographs.pdf").read_bytes().startswith(b"%PDF")
    page = (out / "report.html").read_text()
    assert "do the maps name the surroundings that a network uses?" in page
    assert "PSNR that a patch loses on tiny with 8 LR pixels around it hidden: l2x" in page
    assert "hiding LR pixels around a patch in the order of l2x" in (out / "tables/findings.md").read_text()
    assert "0 units computed" in l2xbench("run", study, "--out", out).stdout


def test_images_without_hr_give_changes_and_no_figure(
    l2xbench: Command, tmp_path: Path, photographs: Path, context_study: Callable[..., Path]
) -> None:
    study = context_study(controls="distance")
    out = tmp_path / "out"
    done = l2xbench("run", study, "--out", out, "--set", f"datasets.photographs={{path: {photographs}, kind: lr}}")
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(out / "tables/context.csv")
    assert table["loss"].isna().all() and (table["change"] > 0).any()
    assert not list((out / "figures").glob("context*"))
    assert not (out / "tables/context_leads.csv").exists()


def test_the_command_takes_places_and_imputation(l2xbench: Command, tmp_path: Path, photographs: Path) -> None:
    out = tmp_path / "out"
    arguments = ["--models", "edsr-compact", "--images", 1, "--at", "8,8", "--at", "20,16", "--size", 8]
    done = l2xbench("context", photographs, *arguments, "--hidden", "4", "--replacement", "road", "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (out / "tables/context_mean.md").read_text()
    assert "at 8,8; 20,16 (left, top)" in text and "arXiv 2304.13836" in text
    assert "blurred" in pd.read_csv(out / "tables/context_mean.csv")["method"].tolist()
    assert not (out / "tables/findings.md").exists(), "one image carries no claim"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["{folder}", "--methods", "l3x"], "--methods: method 'l3x'"),
        (["{folder}", "--at", "8"], "--at 8: X,Y is needed, left and top of a patch in SR pixels"),
        (["{folder}", "--at", "8,8", "--by", "random"], "--at gives the patches"),
        (["{folder}", "--by", "interest"], "--by: found 'interest'"),
        (["{folder}", "--hidden", "many"], "--hidden: found 'many'; numbers of LR pixels are needed"),
        (["{folder}", "--hidden", "0"], "--hidden: found 0"),
        (
            ["{folder}", "--size", "10"],
            "--size: 10 SR pixels are no whole number of LR pixels at scale 4; say 12, or give --at",
        ),
        (["{folder}", "--replacement", "noise"], "--replacement: found 'noise'"),
        (["Urban10"], "no set of this name is known"),
    ],
)
def test_a_wrong_request_is_one_line(
    l2xbench: Command, tmp_path: Path, photographs: Path, arguments: list[str], expected: str
) -> None:
    given = [argument.format(folder=photographs) for argument in arguments]
    done = l2xbench("context", *given, "--models", "edsr-compact", "--out", tmp_path / "out")
    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ("[]", "context.places: the list is empty; places are [[x, y], ...]"),
        ("[[1, 2, 3]]", "context.places: found [1, 2, 3]; places are [[x, y], ...]"),
        ("[[1, -2]]", "context.places: found [1, -2]; places are [[x, y], ...]"),
        ("{count: 0}", "context.places"),
    ],
)
def test_wrong_places_are_told(
    l2xbench: Command, context_study: Callable[..., Path], places: str, expected: str
) -> None:
    done = l2xbench("run", context_study(), "--set", f"context.places={places}", "--dry-run")
    assert done.returncode == 2
    assert expected in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def record(model: str, label: str, image: str, loss: list[float], change: float = 1.0) -> Record:
    method, _, order = label.partition("-")
    values: dict[str, Any] = {
        "method": method,
        "order": order or method,
        "hidden": HIDDEN,
        "patches": [[0.0, 0.0], [16.0, 0.0]],
        "psnr": [30.0, 30.0],
        # two patches, of which the second loses a dB less
        "loss": [loss, [number - 1 for number in loss]],
        "change": [[change, change]] * 2,
    }
    return Record(f"{model} {label} {image}", "context", "set", model, image, label, values)


def made(losses: Mapping[str, Mapping[str, float]], images: int = 6) -> list[Record]:
    """Records of networks and orders: each image's loss is the given number, more or less."""
    draw = np.random.default_rng(0)
    moods = draw.normal(0, 2, images)
    return [
        record(model, label, f"i{number}", [loss + moods[number], 2 * loss + moods[number]])
        for model, orders in losses.items()
        for label, loss in orders.items()
        for number in range(images)
    ]


def test_means_are_over_patches_then_images_and_leads_are_paired() -> None:
    records = made({"a": {"l2x-descending": 3.0, "l2x-absolute": 2.5, "distance": 2.0}})
    results = results_of(records, ["a"], context={})
    curves = results.once(context_curves)
    assert [curve.label for curve in curves] == ["l2x", "l2x absolute", "distance"]
    means = mean_frame(curves, 0)
    assert means["order"].tolist() == ["descending", "absolute", ""]
    rows = [np.mean([r.values["loss"] for r in records if r.label == label]) for label in
            ("l2x-descending", "l2x-absolute", "distance")]  # fmt: skip
    assert means["loss"].tolist() == pytest.approx(rows)
    assert (means["loss_high"] - means["loss_low"] > 1).all(), "images differ much"
    leads = leads_frame(curves, 0)
    assert leads["lead"].tolist() == pytest.approx([0.75, 1.5])
    assert (leads["lead_low"] - leads["lead"]).abs().max() < 1e-9, "and each alike"
    lead = lead_over(curves[0], curves[2], 0)
    assert lead is not None and lead.by_count.tolist() == pytest.approx([1, 2])


def test_the_band_is_that_of_the_lead() -> None:
    curves = results_of(made({"a": {"l2x-descending": 3.0, "distance": 2.0}}), ["a"], context={}).once(context_curves)
    l2x, distance = plotted_losses(curves, 0)
    assert (l2x.high - l2x.low).max() < 1e-9 and np.array_equal(distance.low, distance.high)
    (alone,) = plotted_losses(curves[:1], 0)
    assert (alone.high - alone.low).min() > 1, "without the control, the spread of the images"


def leads(*rows: tuple[str, str, float, float, float]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["model", "over", "lead", "lead_low", "lead_high"])
    return frame.assign(dataset="set", method="l2x", images=8)


def test_findings_claim_only_what_is_beyond_the_interval() -> None:
    (first,) = context_findings(
        leads(("a", "distance", 0.3, 0.1, 0.5), ("b", "distance", -0.2, -0.3, -0.1), ("c", "distance", 0.1, -0.1, 0.3)),
        4,
    )
    assert first.sentence == (
        "On 8 images of set, hiding LR pixels around a patch in the order of l2x, compared with hiding the nearest "
        "ones, which needs no network, lowers the patch's PSNR more on a by 0.30 dB (0.10 to 0.50); less on b by "
        "0.20 dB (0.10 to 0.30); more in the mean on c by 0.10 dB (−0.10 to 0.30), which on 8 images may be chance."
    )
    assert (first.table, first.importance) == ("context_leads", 1)
    (told,) = context_findings(leads(("a", "integrated_gradients", 0.3, 0.1, 0.5), ("a", "random", 3, 2, 4)), 4)
    assert "compared with the order of integrated_gradients, lowers the patch's PSNR more on a" in told.sentence
    assert context_findings(leads(("a", "distance", 0.3, np.nan, np.nan)), 4) == [], "one image"
    (told,) = context_findings(leads(*((name, "distance", 0.1, -0.1, 0.3) for name in "abcde")), 4)
    may = "which on 8 images may be chance"
    assert told.sentence.endswith(f"PSNR more in the mean on 5 networks (by 0.10 to 0.10 dB), {may}.")
    (told,) = context_findings(leads(*((name, "distance", -0.2 - k, -3, 0.3) for k, name in enumerate("abcde"))), 4)
    assert told.sentence.endswith(f"PSNR less in the mean on 5 networks (by 0.20 to 4.20 dB), {may}.")
    (told,) = context_findings(leads(("a", "distance", -0.2, -0.5, 0.1), ("b", "distance", 0, -0.3, 0.3)), 4)
    assert "PSNR more on some and less on others of a by −0.20 dB (−0.50 to 0.10), b by 0.00" in told.sentence
    (told,) = context_findings(leads(*((name, "distance", 0.3, 0.1, 0.5) for name in "abcdefghijk")), 4)
    assert "more in the mean on 11 networks" in told.sentence, "each is one of eleven claims"


def test_no_records_no_tables() -> None:
    assert context_tables(results_of([], ["a"], context={})) == []


@pytest.mark.parametrize(("count", "width"), [(1, None), (4, 8.5), (5, 17.5), (11, 17.5)])
def test_the_figure_has_a_plot_for_each_network(count: int, width: float | None) -> None:
    numbers = np.array([1.0, 2.0])
    labels = ("l2x", "a method of a long name", "distance", "random")
    lines = [PlottedLoss(label, (2, 8), numbers, numbers - 0.5, numbers + 0.5) for label in labels]
    figure = context_figure({f"network-{number}": lines for number in range(count)}, "Set: a title", "Bands: so.", 4)
    assert [axes.get_label() for axes in figure.axes] == [f"network-{number}" for number in range(count)]
    assert len(figure.axes[0].lines) == len(labels)
    wide = figure.get_size_inches()[0] * 2.54
    assert wide == pytest.approx(width or wide, abs=0.01) and wide <= 17.51
