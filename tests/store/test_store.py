"""Records: whole or not at all, and only those of the same key count."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from l2xbench.errors import RequestError
from l2xbench.store import store as stores
from l2xbench.store.store import Store
from l2xbench.store.units import Unit
from l2xbench.system import files
from tests.store.samples import GROUP, IMAGE, UNIT, journal_file, sample_outcome


def test_what_is_kept_is_found_again(tmp_path: Path) -> None:
    kept = Store(tmp_path).write_outcome(UNIT, "key", sample_outcome())
    store = Store(tmp_path)
    assert store.find(UNIT, "key") == kept
    assert kept.values == {"psnr": 31.5, "ssim": None}
    assert np.array_equal(store.load_image(kept.files["sr"]), IMAGE)
    assert np.array_equal(store.load_arrays(kept.files["attribution"])["values"], np.ones((3, 2, 2)))


def test_files_lie_where_the_contract_says(tmp_path: Path) -> None:
    record = Store(tmp_path).write_outcome(UNIT, "key", sample_outcome())
    assert record.files == {
        "sr": "sr/set5/edsr/img_001.png",
        "attribution": "outcomes/restoration/set5/edsr/img_001.attribution.npz",
    }


def test_another_key_is_another_result(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_outcome(UNIT, "key", sample_outcome())
    assert store.find(UNIT, "other key") is None


def _truncate(root: Path) -> None:
    journal_file(root).write_bytes(journal_file(root).read_bytes()[:40])


def _change(root: Path) -> None:
    journal_file(root).write_bytes(journal_file(root).read_bytes().replace(b"31.5", b"99.0"))


def _shorten_image(root: Path) -> None:
    (root / "sr/set5/edsr/img_001.png").write_bytes(b"x")


def _remove_image(root: Path) -> None:
    (root / "sr/set5/edsr/img_001.png").unlink()


@pytest.mark.parametrize("damage", [_truncate, _change, _shorten_image, _remove_image])
def test_a_damaged_record_is_not_found(tmp_path: Path, damage: Callable[..., object]) -> None:
    Store(tmp_path).write_outcome(UNIT, "key", sample_outcome())
    damage(tmp_path)
    assert Store(tmp_path).find(UNIT, "key") is None


def test_a_record_is_taken_back_before_its_files_are_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.write_outcome(UNIT, "blur.x", sample_outcome())

    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Store, "add_record", kill)
    with pytest.raises(KeyboardInterrupt):
        store.write_outcome(UNIT, "mean.x", sample_outcome())
    assert Store(tmp_path).find(UNIT, "blur.x") is None, "its files are the other's"


def test_an_interrupted_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        Store(tmp_path).write_outcome(UNIT, "key", sample_outcome())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(RequestError, match=r"img_001.png: cannot be written \(No space left on device\)"):
        Store(tmp_path).write_outcome(UNIT, "key", sample_outcome())
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="--out .*file/results: cannot be written to"):
        Store(tmp_path / "file" / "results").prepare()


def test_what_killed_processes_left_is_swept_away(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_outcome(UNIT, "key", sample_outcome())
    left = ["tables/.a.csv.partial", ".probe-1", ".scratch-1/a.npy", "records/restoration/set5/edsr/.x.partial"]
    for path in left:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    store.sweep()
    assert not [path for path in left if (tmp_path / path).exists()] and not (tmp_path / ".scratch-1").exists()
    assert store.find(UNIT, "key") is not None


def test_what_is_forgotten_is_done_again(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write_outcome(UNIT, "key", sample_outcome())
    figure = Unit("figure", 1, "set5", "curve", "")
    store.add_record(figure, "key", {})
    store.forget_all_but({"restoration"})
    assert store.find(figure, "key") is None and store.find(UNIT, "key") is not None
    store.forget(GROUP)
    assert Store(tmp_path).find(UNIT, "key") is None
    assert (tmp_path / "sr/set5/edsr/img_001.png").exists(), "files stay until they are made again"


def test_more_groups_than_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "GROUPS_IN_MEMORY", 2)
    store = Store(tmp_path)
    labels = ["a", "b", "c", "d"]
    for label in labels:
        store.add_record(replace(UNIT, label=label), "r.x", {}, {"psnr": 1.0})
    assert all(store.find(replace(UNIT, label=label), "r.x") for label in labels)
