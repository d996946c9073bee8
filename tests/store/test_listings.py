"""A folder is read once, and what a killed process left half written in it is removed."""

from __future__ import annotations

from pathlib import Path

from l2xbench.store import listings
from l2xbench.store.listings import FolderListings
from l2xbench.store.store import Store


def test_files_and_their_sizes(tmp_path: Path) -> None:
    (tmp_path / "sr").mkdir()
    (tmp_path / "sr/a.png").write_bytes(b"four")
    (tmp_path / "sr/.b.png.partial").touch()
    found = FolderListings(tmp_path, with_sizes=True)
    assert found.sizes_in("sr") == {"a.png": 4, ".b.png.partial": 0}
    assert not (tmp_path / "sr/.b.png.partial").exists()
    assert found.sizes_in("nowhere") == {}
    assert FolderListings(tmp_path, with_sizes=False).sizes_in("sr") == {"a.png": 0}
    (tmp_path / "sr/a.png").unlink()
    assert "a.png" in found.sizes_in("sr"), "it is not read again"
    found.drop()
    assert found.sizes_in("sr") == {}


def test_sizes_are_compared_of_few_units_only(tmp_path: Path) -> None:
    assert Store(tmp_path).listings(listings.COMPARE_SIZES_UP_TO).with_sizes
    assert not Store(tmp_path).listings(listings.COMPARE_SIZES_UP_TO + 1).with_sizes
