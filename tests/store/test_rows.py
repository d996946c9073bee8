"""The latest row of a journal counts for each image, in whatever order and however damaged the rest is."""

from __future__ import annotations

from pathlib import Path

import pytest

from l2xbench.store import journal
from l2xbench.store.journal import DONE, FileColumn, JournalBlock
from l2xbench.store.listings import FolderListings
from l2xbench.store.store import Store
from tests.store.samples import GROUP, UNIT, journal_file, sample_outcome, write_units


def test_damage_costs_one_record_and_is_told_once(tmp_path: Path) -> None:
    write_units(Store(tmp_path), "a", "bb", "ccc")
    data = bytearray(journal_file(tmp_path).read_bytes())
    place = data.index(b'"bb"')
    data[place + 1] ^= 1
    journal_file(tmp_path).write_bytes(data)
    store = Store(tmp_path)
    assert store.compact(GROUP, ["a", "bb", "ccc"]) == 1
    assert Store(tmp_path).compact(GROUP, ["a", "bb", "ccc"]) == 0
    assert store.rows(GROUP).digests("r") == {"a": "a", "ccc": "ccc"}


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_cut_short_is_no_damage_and_does_not_spoil_the_next(tmp_path: Path, cut: int) -> None:
    write_units(Store(tmp_path), "a", "bb")
    journal_file(tmp_path).write_bytes(journal_file(tmp_path).read_bytes()[:-cut])
    store = Store(tmp_path)
    assert store.rows(GROUP).digests("r") == {"a": "a"}
    write_units(store, "ccc")
    again = Store(tmp_path)
    assert again.rows(GROUP).digests("r") == {"a": "a", "ccc": "ccc"}
    assert again.compact(GROUP, []) == 0


def test_compact_rows_are_the_same_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_units(store, "ccc", "a", "bb")
    write_units(store, "bb", recipe="other")
    write_units(store, "bb")
    store.write_outcome(UNIT.at("d"), "r.d", sample_outcome())
    store.add_failure(UNIT.at("e"), "r.e", "it raised")
    images = ["a", "bb", "ccc", "d", "e"]
    before = [store.rows(GROUP).record(image, "r", image) for image in images]
    assert [record is None for record in before] == [False, False, False, False, True]
    store.compact(GROUP, images)
    settled = Store(tmp_path).rows(GROUP)
    assert len(journal_file(tmp_path).read_bytes().splitlines()) == 3, "records with files, without, and failures"
    assert [settled.record(image, "r", image) for image in images] == before
    assert settled.failures("r") == {("e", "e"): "it raised"}
    assert settled.columns("r", images, images) == (images[:4], {"psnr": [1.0, 2.0, 3.0, 31.5], "ssim": [None] * 4})


def test_only_the_latest_record_of_an_image_counts(tmp_path: Path) -> None:
    """Its files have been written over."""
    store = Store(tmp_path)
    store.write_outcome(UNIT, "blur.x", sample_outcome())
    store.write_outcome(UNIT, "mean.x", sample_outcome())
    assert store.find(UNIT, "blur.x") is None
    assert store.find(UNIT, "mean.x") is not None


def test_a_failure_lasts_until_the_unit_is_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.add_failure(UNIT, "r.x", "it raised")
    assert Store(tmp_path).rows(GROUP).failures("r") == {("img_001", "x"): "it raised"}
    assert Store(tmp_path).rows(GROUP).failures("other") == {}
    store.write_outcome(UNIT, "r.x", sample_outcome())
    assert Store(tmp_path).rows(GROUP).failures("r") == {}


def test_files_that_are_gone_or_of_another_size(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for image in ("a", "b", "c"):
        store.write_outcome(UNIT.at(image), f"r.{image}", sample_outcome())
    (tmp_path / "sr/set5/edsr/a.png").unlink()
    (tmp_path / "outcomes/restoration/set5/edsr/b.attribution.npz").write_bytes(b"short")
    rows = store.rows(GROUP)
    assert rows.without_files("r", FolderListings(tmp_path, with_sizes=True)) == {"a", "b"}
    assert rows.without_files("r", FolderListings(tmp_path, with_sizes=False)) == {"a"}
    assert rows.without_files("other", FolderListings(tmp_path, with_sizes=True)) == set()


def test_a_path_out_of_the_folder_is_no_record(tmp_path: Path) -> None:
    """A results folder may be from elsewhere."""
    (tmp_path / "outside.png").touch()
    root = tmp_path / "results"
    for path in (["../outside.png"], [f"{tmp_path}/outside.png"]):
        column = FileColumn(path=path, sizes=[0])
        journal.rewrite(journal_file(root), [JournalBlock.from_rows(DONE, "r", ["img_001"], ["x"], {"sr": column})])
        store = Store(root)
        assert store.find(UNIT, "r.x") is None
        assert store.rows(GROUP).without_files("r", store.listings(1)) == {"img_001"}
