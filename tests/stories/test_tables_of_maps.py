"""Tables of the tests that a map must stand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from l2xbench.store.records import Record
from l2xbench.store.store import Store
from l2xbench.store.units import Outcome, Unit
from l2xbench.studies.registry import study_named
from tests.draw.written import write_tables
from tests.studies.results import results_of

PATCH = "patch:0,0,8,8"


def keep(store: Store, study: str, label: str, image: str, numbers: dict, **arrays: np.ndarray):
    outcome = Outcome(values=numbers, arrays={study: arrays} if arrays else {})
    return store.write_outcome(Unit(study, 1, "set", image, "net", label), "key", outcome)


def write(store: Store, records: list[Record], folder: Path, target: str = PATCH) -> None:
    """The tables that have rows."""
    results = results_of(records, ["net"], store, attribution={"target": target})
    for name in ("randomisation", "sensitivity", "diffusion"):
        write_tables(folder, [table for table in study_named(name).tables(results) if not table.frame.empty])


def test_a_map_that_does_not_change_fails(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = [
        keep(store, "randomisation", label, image, {"depths": [0.5, 1.0], "spearman": s, "spearman_absolute": s})
        for label, image, s in [
            ("l2x", "a", [0.8, 0.2]),
            ("l2x", "b", [0.6, 0.0]),
            ("difference", "a", [1.0, 1.0]),
            ("difference", "b", [1.0, 1.0]),
        ]
    ]
    write(store, records, tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables/randomisation.csv", keep_default_na=False)
    assert table["spearman"].tolist() == pytest.approx([0.7, 0.1, 1, 1])
    assert table["verdict"].tolist() == ["", "changes", "", "fails"]
    assert table["images"].tolist() == [2] * 4
    assert not (tmp_path / "tables/sensitivity.csv").exists()


def test_sensitivity_is_a_mean_over_images_by_share(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = [
        keep(store, "sensitivity", "l2x", image, {"sizes": [1.0, 100.0], "correlation": [number, 1.0]})
        for image, number in (("a", 0.4), ("b", 0.8))
    ]
    write(store, records, tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables/sensitivity.csv")
    assert table["share"].tolist() == [0.01, 1.0]
    assert table["correlation"].tolist() == pytest.approx([0.6, 1.0])


def test_the_diffusion_index_is_tabled_for_maps_of_a_patch(tmp_path: Path) -> None:
    one = np.zeros((3, 10, 10))
    one[:, 4, 4] = 1
    half = np.ones((3, 10, 10))
    half[:, :5] = 0
    store = Store(tmp_path)
    records = [
        keep(store, "attribution", "l2x", image, {}, values=values) for image, values in (("a", one), ("b", half))
    ]
    write(store, records, tmp_path / "tables")
    assert pd.read_csv(tmp_path / "tables/diffusion.csv")["diffusion_index"].tolist() == pytest.approx([25.5], abs=2e-3)
    write(store, records, tmp_path / "whole", "image")
    assert not (tmp_path / "whole/diffusion.csv").exists()
