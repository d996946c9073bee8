"""A damaged file is removed and named; one that cannot be read now is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.store.damage import DamagedFile, read_npz, read_png
from l2xbench.store.store import Store
from tests.store.samples import UNIT, sample_outcome


@pytest.mark.parametrize("damage", [lambda data: b"x" * len(data), lambda data: data[:-20] + b"y" * 20])
def test_a_damaged_file_is_removed_and_named(tmp_path: Path, damage: Callable[..., object]) -> None:
    store = Store(tmp_path)
    files = store.write_outcome(UNIT, "key", sample_outcome()).files
    for what, load in (("sr", store.load_image), ("attribution", store.load_arrays)):
        path = tmp_path / files[what]
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(DamagedFile, match=rf"{path.name}: is damaged .*the same command makes it anew"):
            load(files[what])
        assert not path.exists()
    assert store.find(UNIT, "key") is None


@pytest.mark.parametrize("read", [read_png, read_npz])
def test_a_missing_file_is_named(tmp_path: Path, read: Callable[[Path], object]) -> None:
    with pytest.raises(DamagedFile, match="sr.png: is missing; the same command makes it anew"):
        read(tmp_path / "sr.png")


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied"), MemoryError()])
def test_what_a_second_try_may_not_meet_removes_nothing(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(Store(tmp_path).root, Store(tmp_path).write_outcome(UNIT, "key", sample_outcome()).files["sr"])

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("l2xbench.store.damage.Image.open", refuse)
    with pytest.raises(RequestError, match="cannot be read") as raised:
        read_png(path)
    assert not isinstance(raised.value, DamagedFile) and path.exists()
