"""Records: whole or not at all, and only those of the same key count."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from l2xbench import files
from l2xbench.errors import RequestError
from l2xbench.store import Store
from l2xbench.studies.base import Outcome, Unit

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
    renamed = Unit("restoration", 1, "other", "other", "other", options={"border": 4})
    assert renamed.key("net", "image") == UNIT.key("net", "image"), "names decide nothing"


def _record(root: Path) -> Path:
    return root / "records/restoration/set5/edsr/img_001.json"


def _truncate(root: Path) -> None:
    _record(root).write_text(_record(root).read_text()[:40])


def _change(root: Path) -> None:
    body = json.loads(_record(root).read_text())
    body["values"]["psnr"] = 99.0
    _record(root).write_text(json.dumps(body))


def _shorten_image(root: Path) -> None:
    (root / "sr/set5/edsr/img_001.png").write_bytes(b"x")


def _remove_image(root: Path) -> None:
    (root / "sr/set5/edsr/img_001.png").unlink()


@pytest.mark.parametrize("damage", [_truncate, _change, _shorten_image, _remove_image])
def test_a_damaged_record_is_not_found(tmp_path: Path, damage) -> None:
    store = Store(tmp_path)
    store.keep(UNIT, "key", outcome())
    damage(tmp_path)
    assert store.find(UNIT, "key") is None


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
