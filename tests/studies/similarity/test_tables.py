"""From stored maps of crops to pairs' numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from l2xbench.store.derived import make_unless_kept
from l2xbench.store.records import Record
from l2xbench.store.results import Results
from l2xbench.store.store import Store
from l2xbench.store.units import Outcome, Unit
from l2xbench.studies.similarity import pairs as similarity
from l2xbench.studies.similarity.cka import cka
from l2xbench.studies.similarity.deconfounded import dcka
from l2xbench.studies.similarity.figures import owed_figures
from l2xbench.studies.similarity.options import CONTROL, UNTRAINED
from l2xbench.studies.similarity.pairs import TOO_FEW, similarity_frame
from l2xbench.studies.similarity.tables import similarity_tables
from tests.draw.written import write_tables
from tests.studies.results import results_of

FEW = {"permutations": 49, "bootstrap": 50}
PAPER = {"target": "image", "of": "attributions", "estimator": "biased"}


def results(store: Store, names: list[str], records: list[Record], **options: Any) -> Results:
    return results_of(records, names, store, {"Set5": "a note"}, similarity={**FEW, **PAPER, **options})


def keep(store: Store, network: str, maps: dict[str, np.ndarray], label: str = "") -> list[Record]:
    records = []
    for image, values in maps.items():
        unit = Unit("similarity", 1, "Set5", image, network, label)
        arrays = {"values": values, "difference": differences(image, len(values))}
        outcome = Outcome(values={"crops": len(values)}, arrays={"similarity": arrays})
        records.append(store.write_outcome(unit, unit.key(network, ""), outcome))
    return records


def differences(image: str, crops: int) -> np.ndarray:
    """x - x' of an image's crops, the same for every network; here and there 0."""
    random = np.random.default_rng(list(image.encode()))
    found = random.normal(size=(crops, 3, 4, 4)).astype(np.float32)
    found[:, 0, 0] = 0
    return found


def maps(seed: int, images: int = 9, crops: int = 4) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {f"img{i}": random.normal(size=(crops, 3, 4, 4)).astype(np.float32) for i in range(images)}


def direct(a: dict[str, np.ndarray], b: dict[str, np.ndarray], images: list[str]) -> float:
    """Eq. 7 on positive attributions, written out."""
    rows = [
        np.concatenate([np.maximum(m[i], 0).reshape(len(m[i]), -1).astype(np.float64) for i in images]) for m in (a, b)
    ]
    m = len(rows[0])
    h = np.eye(m) - 1 / m
    k, l = (h @ r @ r.T @ h for r in rows)  # noqa: E741
    return float(np.sum(k * l) / np.sqrt(np.sum(k * k) * np.sum(l * l)))


def test_a_pair_is_compared_on_the_images_that_both_have(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a, b, c = maps(1), maps(2), maps(3)
    c = {image: c[image] for image in ("img1", "img4", "img7")}
    records = keep(store, "c", c) + keep(store, "a", a) + keep(store, "b", b)
    whole = similarity_frame(results(store, ["a", "b", "c"], records))
    frame, control = whole[:3], whole[3:]
    assert control[["model_a", "model_b"]].to_numpy().tolist() == [[name, CONTROL] for name in "abc"]
    assert control["images"].tolist() == [9, 9, 3] and (control["control_b"] - 1).abs().max() < 1e-12
    assert control["dcka"].isna().all() and (control["unbiased"] - control["control_a"]).abs().max() < 1e-12
    assert frame[["model_a", "model_b"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    assert frame["samples"].tolist() == [36, 12, 12]
    assert frame["images"].tolist() == [9, 3, 3]
    assert frame["resampled"].tolist() == ["images", "crops", "crops"], "three images have too few orders"
    expected = [direct(a, b, list(a)), direct(a, c, list(c)), direct(b, c, list(c))]
    assert np.abs(frame["cka"] - expected).max() < 1e-10
    assert (frame["low"] <= frame["cka"]).all() and (frame["cka"] <= frame["high"]).all()
    assert not list(tmp_path.glob(".scratch-*")), "nothing is left of the scratch files"


def test_numbers_are_made_once_and_again_when_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    records = keep(store, "a", maps(1)) + keep(store, "b", maps(2))
    first = similarity_frame(results(store, ["a", "b"], records))
    made = []
    gram = similarity.gram_of_maps
    monkeypatch.setattr(similarity, "gram_of_maps", lambda *args: made.append(1) or gram(*args))
    pd.testing.assert_frame_equal(similarity_frame(results(store, ["a", "b"], records)), first)
    assert not made
    signed = similarity_frame(results(store, ["a", "b"], records, signs="signed"))
    assert len(made) == 3 and signed["cka"][0] != first["cka"][0]
    records = records[:9] + keep(store, "b", {**maps(2), "img0": maps(5)["img0"]})
    records[9] = Record(**{**records[9].__dict__, "key": "another"})
    assert similarity_frame(results(store, ["a", "b"], records))["cka"][0] != first["cka"][0]


def test_the_warning_is_for_samples_too_few_for_the_biased_estimator(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = keep(store, "a", maps(1)) + keep(store, "b", maps(2))
    found = {}
    for estimator in ("biased", "unbiased"):
        of = results(store, ["a", "b"], records, estimator=estimator, resample="crops")
        frame = similarity_frame(of)
        found[estimator] = frame.iloc[0]
        write_tables(tmp_path / estimator, similarity_tables(of))
    assert found["biased"]["chance"] > 0.3 and found["biased"]["warning"] == TOO_FEW
    assert abs(found["unbiased"]["chance"]) < 0.05 and found["unbiased"]["warning"] == ""
    assert "take estimator: unbiased" in (tmp_path / "biased/cka.md").read_text()
    plain = (tmp_path / "unbiased/cka.md").read_text()
    assert TOO_FEW not in plain and "Set5: a note." in plain


def test_a_network_whose_maps_do_not_vary_has_no_number(tmp_path: Path) -> None:
    store = Store(tmp_path)
    nothing = {image: np.zeros_like(values) for image, values in maps(1).items()}
    of = results(store, ["a", "b"], keep(store, "a", nothing) + keep(store, "b", maps(2)))
    frame = similarity_frame(of)
    assert frame["cka"].isna().tolist() == [True, True, False]
    assert frame["warning"].tolist() == ["not defined", "not defined", TOO_FEW]
    assert frame["dcka"].isna().all()
    (figure,) = owed_figures(of)
    record = make_unless_kept(store, figure.files, figure.prepare())
    assert figure.shown_as == "CKA on Set5" and (tmp_path / record.files["png"]).stat().st_size > 1000
    write_tables(tmp_path / "tables", similarity_tables(of))
    assert "do not vary" in (tmp_path / "tables/cka.md").read_text()


def gram_of(kept: dict[str, np.ndarray]) -> np.ndarray:
    rows = np.concatenate([one.reshape(len(one), -1).astype(np.float64) for one in kept.values()])
    return rows @ rows.T


def test_dcka_and_the_control_are_of_the_same_crops(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a, b, c = maps(1), maps(2), maps(3)
    c = {image: c[image] for image in ("img1", "img4", "img7")}
    records = keep(store, "c", c) + keep(store, "a", a) + keep(store, "b", b)
    frame = similarity_frame(results(store, ["a", "b", "c"], records, signs="signed")).set_index(["model_a", "model_b"])
    for pair, images in ((("a", "b"), list(a)), (("a", "c"), list(c))):
        kept = {"a": a, "b": b, "c": c}
        k, l = (gram_of({image: kept[name][image] for image in images}) for name in pair)  # noqa: E741
        d = gram_of({image: np.abs(differences(image, 4)) for image in images})
        expected = [cka(k, l, "unbiased"), dcka(k, l, d), cka(k, d, "unbiased"), cka(l, d, "unbiased")]
        found = frame.loc[pair, ["unbiased", "dcka", "control_a", "control_b"]].astype(float)
        assert np.abs(found.to_numpy() - expected).max() < 1e-10
        assert frame.loc[pair, "biased"] == frame.loc[pair, "cka"], "as the study's estimator is the paper's"
        assert frame.loc[pair, "dcka_low"] < frame.loc[pair, "dcka"] < frame.loc[pair, "dcka_high"]


def test_multipliers_are_maps_without_the_images_difference(tmp_path: Path) -> None:
    store = Store(tmp_path)
    a, b = maps(1), maps(2)
    products = [{i: m[i] * differences(i, 4) for i in m} for m in (a, b)]
    records = keep(store, "a", products[0]) + keep(store, "b", products[1])
    frame = similarity_frame(results(store, ["a", "b"], records, signs="signed", of="multipliers"))
    hidden = [{i: np.where(differences(i, 4) == 0, 0, m[i]) for i in m} for m in (a, b)]
    assert abs(frame["cka"][0] - cka(gram_of(hidden[0]), gram_of(hidden[1]))) < 1e-6
    assert frame["cka"][0] != similarity_frame(results(store, ["a", "b"], records, signs="signed"))["cka"][0]


def test_an_untrained_twin_is_a_row_of_its_own(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = keep(store, "a", maps(1)) + keep(store, "b", maps(2))
    records += keep(store, "a", maps(3), UNTRAINED) + keep(store, "b", maps(1), UNTRAINED)
    of = results(store, ["a", "b"], records, untrained=True, seeds={"x": ["a", "elsewhere"]})
    frame = similarity_frame(of)
    assert [f"{one}{other}" for one, other in zip(frame["model_a"], frame["model_b"], strict=True)] == [
        *("ab", "aa*", "ab*", "ba*", "bb*", "a*b*"),
        *("adifference", "bdifference", "a*difference", "b*difference"),
    ]
    assert frame["cka"][2] == pytest.approx(1) and frame["dcka"][2] == pytest.approx(1)
    write_tables(tmp_path / "tables", similarity_tables(of))
    written = (tmp_path / "tables/cka.md").read_text()
    assert "dCKA low" in written
    assert "untrained" in written and "elsewhere is not among these networks" in written


def test_no_block_no_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    off = results_of(keep(store, "a", maps(1)), ["a", "b"], store, {"Set5": None})
    frame = similarity_frame(off)
    assert frame.empty and list(frame.columns[:4]) == ["dataset", "model_a", "model_b", "cka"]
    assert similarity_frame(results(store, ["a"], keep(store, "a", maps(1)))).empty
    assert list(owed_figures(off)) == []


def test_networks_without_a_twin_are_left_out_and_told(tmp_path: Path) -> None:
    store = Store(tmp_path)
    records = keep(store, "a", maps(1)) + keep(store, "b", maps(2)) + keep(store, "a", maps(3), UNTRAINED)
    for image in maps(1):
        unit = Unit("similarity", 1, "Set5", image, "b", UNTRAINED)
        outcome = Outcome(values={"crops": 0, "twinless": "read off its checkpoint"})
        records.append(store.write_outcome(unit, unit.key("b", ""), outcome))
    of = results(store, ["a", "b"], records, untrained=True)
    frame = similarity_frame(of)
    assert {*frame["model_a"], *frame["model_b"]} == {"a", "b", "a*", CONTROL}
    write_tables(tmp_path / "tables", similarity_tables(of))
    assert "there is none (read off its checkpoint)" in (tmp_path / "tables/cka.md").read_text()
