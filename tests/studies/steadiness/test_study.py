"""Steadiness from its YAML to its table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from tests.conftest import Command


def test_a_row_a_network_and_method(write_study: Callable[..., Path], l2xbench: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    block = {"perturbations": 5, "samples": 2}
    study = write_study(heatmaps=None, attribution={"methods": ["l2x", "gradient"]}, steadiness=block)
    done = l2xbench("run", study, "--out", out)
    assert done.returncode == 0, done.stdout + done.stderr
    table = pd.read_csv(out / "tables/steadiness.csv").set_index("method")
    assert table.index.tolist() == ["l2x", "gradient", "difference"]
    assert set(table["images"]) == {3}
    assert (table["infidelity"] >= table["scaled_infidelity"]).all() and (table["max_sensitivity"] > 0).all()
    assert (table["infidelity_low"] <= table["infidelity"]).all()
    text = (out / "tables/steadiness.md").read_text()
    assert "5 random squares" in text and "2 images whose values differ by up to 0.02" in text
    assert "Infidelity and max-sensitivity" in (out / "report.html").read_text()


def test_it_needs_maps(write_study: Callable[..., Path], l2xbench: Command) -> None:
    done = l2xbench("run", write_study(attribution=None, heatmaps=None, steadiness={}))
    assert done.returncode == 2
    assert "steadiness: it puts maps to the test, and attribution: null makes none" in done.stderr
