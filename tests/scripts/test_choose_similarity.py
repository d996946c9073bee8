"""The evidence for similarity's defaults: it tells architectures from trainings on made maps, where they differ."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from l2xbench.store.store import Store
from l2xbench.studies.similarity.options import SimilarityOptions
from tests.studies.similarity.test_seeds import made

ROOT = Path(__file__).parents[2]


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("choose_similarity")


@pytest.mark.parametrize(("own", "pairs"), [(1.0, "1 of 1"), (0.0, "0 of 1")])
def test_a_row_says_whether_architectures_differ_by_more_than_trainings(
    choose: ModuleType, tmp_path: Path, own: float, pairs: str
) -> None:
    results = made(Store(tmp_path), 0.3, own)
    options = results.config.block(SimilarityOptions)
    kept = choose.read(results)
    assert list(kept.groups) == ["A", "B"] and [len(images) for images in kept.records.values()] == [9] * 4
    cells = [cell.strip() for cell in choose.compare(kept, options, 200, 0).split("|")]
    named = dict(zip(choose.HEAD[3:], cells, strict=True))
    apart, (low, high) = float(named["apart"]), map(float, named["interval"].split(" to "))
    assert low < apart < high and (low > 0) == (own > 0)
    assert named["beyond"] == pairs
    assert float(named["trainings"]) - float(named["architectures"]) == pytest.approx(apart, abs=0.002)


def test_differences_of_pairs_have_intervals_of_their_own(choose: ModuleType) -> None:
    noise = np.random.default_rng(0).normal(size=500)
    drawn = {("a", "b"): 0.9 + noise, ("a", "c"): 0.5 + noise}  # vary together
    low, high = choose.interval(drawn, {("a", "b"): 0.9, ("a", "c"): 0.5}, [("a", "b")], [("a", "c")])
    assert (low, high) == (pytest.approx(0.4), pytest.approx(0.4))


def test_a_study_without_second_trainings_is_told(
    choose: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert choose.main(["demo", "--out", str(tmp_path)]) == 2
    assert "similarity: seeds is missing" in capsys.readouterr().err
