"""Records: whole or not at all, and only those of the same key count."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest

from l2xbench.errors import RequestError
from l2xbench.store.records import Name, in_groups
from l2xbench.store.store import DamagedFile, Store
from l2xbench.store.units import Outcome, Unit
from l2xbench.system import files

UNIT = Unit("restoration", 1, "set5", "img_001", "edsr", options={"border": 4})
IMAGE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def outcome() -> Outcome:
    arrays = {"attribution": {"values": np.ones((3, 2, 2), np.float32)}}
    return Outcome(values={"psnr": 31.5, "ssim": None}, images={"sr": IMAGE}, arrays=arrays)


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    kept = Store(tmp_path).keep(UNIT, "key", outcome())
    store = Store(tmp_path)
    assert store.find(UNIT, "key") == kept
    assert kept.values == {"psnr": 31.5, "ssim": None}
    assert np.array_equal(store.load_image(kept.files["sr"]), IMAGE)
    assert np.array_equal(store.load_arrays(kept.files["attribution"])["values"], np.ones((3, 2, 2)))


def test_files_lie_where_the_contract_says(tmp_path: Path) -> None:
    record = Store(tmp_path).keep(UNIT, "key", outcome())
    assert record.files == {"sr": "sr/set5/edsr/img_001.png", "attribution": "attributions/set5/edsr/img_001.npz"}


def test_another_key_is_another_result(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep(UNIT, "key", outcome())
    assert store.find(UNIT, "other key") is None


def test_the_key_holds_everything_that_decides() -> None:
    keys = {
        UNIT.key("net", "image"),
        UNIT.key("other net", "image"),
        UNIT.key("net", "other image"),
        Unit("restoration", 2, "set5", "img_001", "edsr", options={"border": 4}).key("net", "image"),
        Unit("restoration", 1, "set5", "img_001", "edsr", options={"border": 2}).key("net", "image"),
        Unit("restoration", 1, "set5", "img_001", "edsr", "lam", {"border": 4}).key("net", "image"),
    }
    assert len(keys) == 6
    depending = [Unit("ablation", 1, "set5", "i", "edsr", needs=UNIT.at("i")), Unit("ablation", 1, "set5", "i", "edsr")]
    assert len({unit.key("net", "image") for unit in depending}) == 2
    renamed = Unit("restoration", 1, "other", "other", "other", options={"border": 4})
    assert renamed.key("net", "image") == UNIT.key("net", "image"), "names decide nothing"


def _journal(root: Path) -> Path:
    return root / "records/restoration/set5/edsr/units.journal"


def _truncate(root: Path) -> None:
    _journal(root).write_bytes(_journal(root).read_bytes()[:40])


def _change(root: Path) -> None:
    _journal(root).write_bytes(_journal(root).read_bytes().replace(b"31.5", b"99.0"))


def _shorten_image(root: Path) -> None:
    (root / "sr/set5/edsr/img_001.png").write_bytes(b"x")


def _remove_image(root: Path) -> None:
    (root / "sr/set5/edsr/img_001.png").unlink()


@pytest.mark.parametrize("damage", [_truncate, _change, _shorten_image, _remove_image])
def test_a_damaged_record_is_not_found(tmp_path: Path, damage) -> None:
    Store(tmp_path).keep(UNIT, "key", outcome())
    damage(tmp_path)
    assert Store(tmp_path).find(UNIT, "key") is None


NAME = Name("restoration", "set5", "edsr", "")


def units(store: Store, *images: str, recipe: str = "r") -> None:
    for image in images:
        store.keep(UNIT.at(image), f"{recipe}.{image}", Outcome(values={"psnr": float(len(image))}))


def test_damage_costs_one_record_and_is_told_once(tmp_path: Path) -> None:
    units(Store(tmp_path), "a", "bb", "ccc")
    data = bytearray(_journal(tmp_path).read_bytes())
    place = data.index(b'"bb"')
    data[place + 1] ^= 1
    _journal(tmp_path).write_bytes(data)
    store = Store(tmp_path)
    assert store.settle(NAME, ["a", "bb", "ccc"]) == 1
    assert Store(tmp_path).settle(NAME, ["a", "bb", "ccc"]) == 0
    assert store.group(NAME).digests("r") == {"a": "a", "ccc": "ccc"}


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_line_cut_short_is_no_damage_and_does_not_spoil_the_next(tmp_path: Path, cut: int) -> None:
    units(Store(tmp_path), "a", "bb")
    _journal(tmp_path).write_bytes(_journal(tmp_path).read_bytes()[:-cut])
    store = Store(tmp_path)
    assert store.group(NAME).digests("r") == {"a": "a"}
    units(store, "ccc")
    again = Store(tmp_path)
    assert again.group(NAME).digests("r") == {"a": "a", "ccc": "ccc"}
    assert again.settle(NAME, []) == 0


def test_rows_at_rest_are_the_same_rows(tmp_path: Path) -> None:
    store = Store(tmp_path)
    units(store, "ccc", "a", "bb")
    units(store, "bb", recipe="other")
    units(store, "bb")
    store.keep(UNIT.at("d"), "r.d", outcome())
    store.keep_failure(UNIT.at("e"), "r.e", "it raised")
    images = ["a", "bb", "ccc", "d", "e"]
    before = [store.group(NAME).record(image, "r", image) for image in images]
    assert [record is None for record in before] == [False, False, False, False, True]
    store.settle(NAME, images)
    settled = Store(tmp_path).group(NAME)
    assert len(_journal(tmp_path).read_bytes().splitlines()) == 3, "records with files, without, and failures"
    assert [settled.record(image, "r", image) for image in images] == before
    assert settled.failures("r") == {("e", "e"): "it raised"}
    assert settled.columns("r", images, images) == (images[:4], {"psnr": [1.0, 2.0, 3.0, 31.5], "ssim": [None] * 4})


def test_only_the_latest_record_of_an_image_counts(tmp_path: Path) -> None:
    """Its files have been written over."""
    store = Store(tmp_path)
    store.keep(UNIT, "blur.x", outcome())
    store.keep(UNIT, "mean.x", outcome())
    assert store.find(UNIT, "blur.x") is None
    assert store.find(UNIT, "mean.x") is not None


def test_a_record_is_taken_back_before_its_files_are_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.keep(UNIT, "blur.x", outcome())

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "keep_files", kill)
    with pytest.raises(KeyboardInterrupt):
        store.keep(UNIT, "mean.x", outcome())
    assert Store(tmp_path).find(UNIT, "blur.x") is None, "its files are the other's"


def test_a_failure_lasts_until_the_unit_is_done(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.keep_failure(UNIT, "r.x", "it raised")
    assert Store(tmp_path).group(NAME).failures("r") == {("img_001", "x"): "it raised"}
    assert Store(tmp_path).group(NAME).failures("other") == {}
    store.keep(UNIT, "r.x", outcome())
    assert Store(tmp_path).group(NAME).failures("r") == {}


@pytest.mark.parametrize("damage", [lambda data: b"x" * len(data), lambda data: data[:-20] + b"y" * 20])
def test_a_damaged_file_is_removed_and_named(tmp_path: Path, damage) -> None:
    store = Store(tmp_path)
    files = store.keep(UNIT, "key", outcome()).files
    for what, load in (("sr", store.load_image), ("attribution", store.load_arrays)):
        path = tmp_path / files[what]
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(DamagedFile, match=rf"{path.name}: is damaged .*the same command makes it anew"):
            load(files[what])
        assert not path.exists()
    assert store.find(UNIT, "key") is None


def test_columns_are_those_of_the_records_in_the_images_order(tmp_path: Path) -> None:
    store = Store(tmp_path)
    units(store, "ccc", "a", "bb")
    store.write_plan([(NAME, "r")], {"set5": (["a", "bb", "ccc", "d"], ["a", "bb", "ccc", "d"])})
    records = Store(tmp_path).records()
    (group,) = records.groups()
    assert (group.images, group.column("psnr")) == (["a", "bb", "ccc"], [1.0, 2.0, 3.0])
    assert group.column("ssim") == [None] * 3
    assert [record.image for record in records] == ["a", "bb", "ccc"]
    (same,) = in_groups(list(records), "restoration")
    assert (same.images, same.column("psnr")) == (group.images, group.column("psnr"))
    assert list(records.of("attribution")) == []


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).keep(UNIT, "key", outcome())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RequestError, match=r"img_001.png: cannot be written \(No space left on device\)"):
        Store(tmp_path).keep(UNIT, "key", outcome())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="--out .*file/results: cannot be written to"):
        Store(tmp_path / "file" / "results").prepare()
