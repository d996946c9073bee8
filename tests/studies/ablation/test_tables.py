"""From ablation records to curves, gaps, tables and figures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from l2xbench.store.derived import find_derived, make_unless_kept
from l2xbench.store.records import Record
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.studies.ablation import STUDY
from l2xbench.studies.ablation.curves import gap, make_curves
from l2xbench.studies.ablation.curves_figure import ablation_figure, methods_figure
from l2xbench.studies.ablation.plotted import plotted_curves
from l2xbench.studies.ablation.tables import COLUMNS
from tests.draw.written import write_tables
from tests.studies.results import results_of

RATIOS = [0.05, 0.1, 0.3]
IMAGES = ["a", "b", "c"]
# by image: how bright it is, so to say; by ratio: how far each order falls
LEVEL = np.array([30.0, 20.0, 25.0])[:, None]
FALLS = {"l2x": np.array([6.0, 8.0, 9.0]), "difference": np.array([5.0, 6.0, 6.0]), "random": np.array([2.0, 4.0, 8.0])}


def record(model: str, method: str, image: str, rows: Any) -> Record:
    order = "random" if method == "random" else "descending"
    rows = np.atleast_2d(rows)
    values = {"method": method, "granularity": "pixel", "order": order, "ratios": RATIOS}
    values |= {"psnr": rows.tolist(), "ssim": (rows / 40).tolist()}
    return Record("key", "ablation", "set", model, image, f"{method}-pixel-{order}", values)


def records(models: list[str]) -> list[Record]:
    found = []
    for model in models:
        for method, fall in FALLS.items():
            for place, image in enumerate(IMAGES):
                rows = LEVEL[place] - fall
                if method == "random":
                    rows = np.stack([rows - 0.5, rows + 0.5])
                found.append(record(model, method, image, rows))
        whole = {"psnr": 31.0, "ssim": 0.9}
        found += [Record("key", "restoration", "set", model, image, "", whole) for image in IMAGES]
    return found


def results(some: list[Record], models: list[str], folder: Path | None = None) -> Results:
    store = None if folder is None else Store(folder)
    attribution = {"methods": ["l2x"], "reference": "mean"}
    return results_of(some, models, store, ablation={"random_orders": 2}, attribution=attribution)


def test_the_gap_is_paired_by_image_so_that_their_own_spread_does_not_widen_it() -> None:
    l2x, difference, random = make_curves(results(records(["net"]), ["net"]))
    found = gap(l2x, random, "psnr", 0)
    assert found.by_ratio == pytest.approx([4, 4, 1])
    assert found.mean == pytest.approx(3)
    assert found.interval == pytest.approx((3, 3)), "the same gap on every image"
    assert (found.largest, found.at) == (pytest.approx(4), 0.05)
    assert found.area == pytest.approx(0.05 * 4 + 0.2 * 2.5)
    assert gap(difference, random, "psnr", 0).by_ratio[2] == pytest.approx(-2), "above random order"


def test_the_interval_grows_with_the_spread_of_the_gap() -> None:
    some = [r for r in records(["net"]) if r.label.startswith("random")]
    for place, image in enumerate(IMAGES):
        some.append(record("net", "l2x", image, LEVEL[place] - FALLS["l2x"] - 2 * (place - 1)))
    *_, l2x = make_curves(results(some, ["net"]))
    found = gap(l2x, make_curves(results(some, ["net"]))[0], "psnr", 0)
    low, high = found.interval
    assert found.mean == pytest.approx(3)
    assert (low, high) == pytest.approx((3 - 2 * 2.69, 3 + 2 * 2.69), abs=0.1), "of three images, as wide as Student's"


def test_a_single_image_has_a_gap_and_no_interval() -> None:
    l2x, _, random = make_curves(results([r for r in records(["net"]) if r.image == "a"], ["net"]))
    found = gap(l2x, random, "psnr", 0)
    assert found.mean == pytest.approx(3) and np.isnan(found.interval).all()
    assert found.band == pytest.approx(np.stack([found.by_ratio] * 2)), "no band, so that plots have none"


def test_only_images_that_both_have_are_compared() -> None:
    some = [r for r in records(["net"]) if not (r.label.startswith("l2x") and r.image == "a")]
    some[0] = record("net", "l2x", "b", LEVEL[1] - FALLS["l2x"])
    l2x, _, random = make_curves(results(some, ["net"]))
    assert gap(l2x, random, "psnr", 0).images == 2
    assert gap(l2x, random, "psnr", 0).mean == pytest.approx(3)


def report_ablation(folder: Path, some: list[Record], models: list[str]) -> tuple[pd.DataFrame, list[str]]:
    """Tables and figures below `folder`; the summary of PSNR, and the figures that were drawn."""
    found = results(some, models, folder)
    tables = STUDY.tables(found)
    write_tables(folder / "tables", tables)
    figures = list(STUDY.figures(found))
    drawn = [figure.files.name for figure in figures if find_derived(found.store, figure.files) is None]
    for figure in figures:
        make_unless_kept(found.store, figure.files, figure.prepare())
    return tables[1].frame if tables else pd.DataFrame(), drawn


def test_tables_and_figures(tmp_path: Path) -> None:
    models = [f"network-{number}" for number in range(8)]
    summary, _ = report_ablation(tmp_path, records(models), models)
    table = pd.read_csv(tmp_path / "tables/ablation.csv")
    assert tuple(table.columns[:9]) == COLUMNS
    assert len(table) == 8 * 3 * 3
    first = table.iloc[0]
    assert (first["psnr"], first["ssim"], first["images"]) == (pytest.approx(19), pytest.approx(19 / 40), 3)
    random = table[table["method"] == "random"]
    assert random["psnr_spread"].tolist() == pytest.approx([2**-0.5] * 24)
    assert table.loc[table["method"] != "random", "psnr_spread"].isna().all()
    assert summary["5%"].tolist()[:3] == pytest.approx([19, 20, 23])
    assert summary["gap"].tolist()[:2] == pytest.approx([3, 1])
    assert summary["unmasked"].tolist() == [31.0] * 24
    ssim = pd.read_csv(tmp_path / "tables/ablation_ssim.csv")
    assert ssim["gap"].tolist()[0] == pytest.approx(3 / 40)
    assert "a part" in (tmp_path / "tables/ablation_psnr.md").read_text()
    for name in ("ablation", "ablation-methods"):
        assert (tmp_path / f"figures/{name}.png").stat().st_size > 5000
        assert (tmp_path / f"figures/{name}.pdf").read_bytes().startswith(b"%PDF")


def drawn_texts(figure: Figure) -> Iterator[Text]:
    """All texts but the labels of ticks that lie outside their axis."""
    yield from figure.texts
    for legend in figure.legends:
        yield from legend.get_texts()
    for axes in figure.axes:
        yield from (axes.title, axes.xaxis.label, axes.yaxis.label, *axes.texts)
        for axis, params in ((axes.xaxis, "labelbottom"), (axes.yaxis, "labelleft")):
            low, high = sorted(axis.get_view_interval())
            if axis.get_tick_params()[params]:
                places = zip(axis.get_majorticklocs(), axis.get_majorticklabels(), strict=True)
                yield from (label for place, label in places if low <= place <= high)


@pytest.mark.parametrize(("count", "width"), [(1, 8.5), (4, 8.5), (11, 8.5), (20, 17.5)])
def test_figures_are_legible_at_their_printed_width(count: int, width: float) -> None:
    """At least 6 points, inside the page, and no text upon another."""
    models = [f"a_long_name-{number}" for number in range(count)]
    curves = make_curves(results(records(models), models))
    for figure, wide in (
        (ablation_figure(curves, "l2x", "a set", 0), width),
        (methods_figure(curves, "a set", 0), 8.5),
    ):
        assert figure.get_size_inches()[0] * 2.54 == pytest.approx(wide)
        figure.draw_without_rendering()
        texts = [text for text in drawn_texts(figure) if text.get_text()]
        assert all(text.get_fontsize() >= 6 for text in texts)
        page, shown = figure.bbox, [text.get_window_extent() for text in texts]
        for box in shown:
            assert box.x0 >= -1 and box.x1 <= page.x1 + 1 and box.y0 >= -1 and box.y1 <= page.y1 + 1
        for first, second in itertools.combinations(shown, 2):
            assert not first.shrunk(0.9, 0.8).overlaps(second.shrunk(0.9, 0.8))


def test_ticks_stand_at_measured_ratios_and_the_bands_are_told() -> None:
    curves = [
        replace(curve, ratios=curve.ratios[:2], measured={k: v[..., :2] for k, v in curve.measured.items()})
        for curve in make_curves(results(records(["net"]), ["net"]))
    ]
    figure = ablation_figure(curves, "l2x", "a set", 0)
    measured = [100 * ratio for ratio in curves[0].ratios]
    assert all(list(axes.get_xticks()) == pytest.approx(measured) for axes in figure.axes)
    assert any("gap to random order, laid around" in text.get_text().replace("\n", " ") for text in figure.texts)


def test_bands_of_ssim_end_where_ssim_does() -> None:
    some = make_curves(results(records(["net"]), ["net"]))
    near = [replace(c, measured={**c.measured, "ssim": np.where(c.measured["ssim"] > 0.7, 0.99, 0.01)}) for c in some]
    for plotted in plotted_curves(near, "ssim", 0):
        assert plotted.low.min() >= 0 and plotted.high.max() <= 1


def test_a_figure_of_the_same_records_is_not_drawn_again(tmp_path: Path) -> None:
    some = records(["net"])
    assert report_ablation(tmp_path, some, ["net"])[1] == ["ablation", "ablation-methods"]
    assert report_ablation(tmp_path, some, ["net"])[1] == []
    assert len(report_ablation(tmp_path, [replace(r, key="other") for r in some], ["net"])[1]) == 2


def test_without_random_order_there_are_curves_and_no_gap(tmp_path: Path) -> None:
    some = [r for r in records(["net"]) if r.label.startswith("l2x")]
    summary, _ = report_ablation(tmp_path, some, ["net"])
    assert summary["gap"].isna().all()
    assert (tmp_path / "figures/ablation.png").is_file()
    assert not (tmp_path / "figures/ablation-methods.png").exists()


def test_nothing_to_ablate_gives_no_files(tmp_path: Path) -> None:
    empty = Record("key", "ablation", "set", "net", "a", "l2x-pixel-descending", {"psnr": [], "ssim": []})
    assert report_ablation(tmp_path, [empty], ["net"])[0].empty
    assert list(tmp_path.iterdir()) == []


def test_the_bias_of_imputation_is_said() -> None:
    some = records(["edsr"])
    made = results_of(some, ["edsr"], ablation={"replacement": "road"}, attribution={"methods": ["l2x"]})
    notes = " ".join(STUDY.tables(made)[0].notes)
    assert "what its neighbours say" in notes and "favours blurred maps" in notes
    assert "favours blurred maps" not in " ".join(STUDY.tables(results(some, ["edsr"]))[0].notes)
