"""Whole studies from Python, and what they leave."""

from __future__ import annotations

import html
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

import l2xbench
from l2xbench.errors import RequestError


def test_a_study_of_a_mapping_or_a_file_and_its_results(
    tmp_path: Path, write_study: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_study(heatmaps={}, ablation={"ratios": [0.2]})
    study = yaml.safe_load(path.read_text())
    results = l2xbench.run_study(study, tmp_path / "out")
    assert "units computed" in capsys.readouterr().out
    again = l2xbench.run_study(path, tmp_path / "out")
    assert "0 units computed" in capsys.readouterr().out, "the same study, so nothing is done twice"
    assert {"restoration", "ablation", "failures"} <= set(results.tables) and len(again.tables["failures"]) == 0
    assert set(results.tables["restoration"]["model"]) == {"bicubic", "tiny"}
    with pytest.raises(KeyError, match="no table 'restauration'; did you mean 'restoration'"):
        results.tables["restauration"]
    assert ("photographs", "tiny", "photo0") in results.maps()
    values = results.map("photographs", "tiny", "photo0")["values"]
    assert values.shape == (3, 10, 12) and np.abs(values).max() > 0
    with pytest.raises(RequestError, match="no map photographs/tiny/photo9"):
        results.map("photographs", "tiny", "photo9")
    assert results.manifest["study"]["study"] == "small" and results.page.is_file()
    assert any(name.startswith("heatmap-photographs") for name in results.figures)
    shown = results._repr_html_()
    assert html.escape(str(tmp_path)) in shown and shown.count("<li>") == results.findings.count(
        "\n- "
    ) + results.findings.startswith("- ")


def test_names_in_a_folder_are_text_not_html(tmp_path: Path) -> None:
    root = tmp_path / "<b>"
    (root / "tables").mkdir(parents=True)
    (root / "manifest.json").write_text("{}")
    (root / "tables/findings.md").write_text("- <script>alert(1)</script>\n")
    shown = l2xbench.open_results(root)._repr_html_()
    assert "<script>" not in shown and "&lt;script&gt;" in shown


def test_what_is_no_results_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="no results folder"):
        l2xbench.open_results(tmp_path)
    with pytest.raises(RequestError, match="models"):
        l2xbench.run_study({"study": "s", "datasets": {"d": "skimage"}}, tmp_path)


def test_a_figure_is_shown_small_and_as_wide_as_it_reads_well(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    for name in ("cka-Set5", "cka-Set14", "page"):
        pixels = np.random.default_rng(0).integers(0, 256, (40, 2067, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"figures/{name}.png")
    results = l2xbench.open_results(tmp_path)
    shown = results.figure("pa")
    assert (shown.png, shown.pdf.name) == (tmp_path / "figures/page.png", "page.pdf")
    content, looks = shown._repr_png_()
    with Image.open(io.BytesIO(content)) as image:
        assert image.width == 1200 and looks == {"width": 992}, "17.5 cm at half as much again"
    with pytest.raises(RequestError, match="2 figures begin so: cka-Set14, cka-Set5"):
        results.figure("cka")
    with pytest.raises(RequestError, match="no figure 'heatmap'; known: cka-Set14, cka-Set5, page"):
        results.figure("heatmap")


def test_findings_are_shown_as_text(tmp_path: Path) -> None:
    (tmp_path / "tables").mkdir()
    (tmp_path / "manifest.json").write_text("{}")
    (tmp_path / "tables/findings.md").write_text("- CKA with \\|x - x'\\| is 0.9 ([cka](cka.md)).\n")
    assert "<li>CKA with |x - x&#x27;| is 0.9 (cka).</li>" in l2xbench.open_results(tmp_path)._repr_html_()
