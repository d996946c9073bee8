"""Archives: what is expected is unpacked, whole or not at all, and nothing leads out of the folder."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.fetch import archives
from l2xbench.fetch.archives import extract_images

MEMBERS = ["set/X4/a.png", "set/X4/b.png"]


def archive(folder: Path, **contents: bytes) -> Path:
    path = folder / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, data in {"set/X4/a.png": b"a", "set/X4/b.png": b"b", **contents}.items():
            opened.writestr(name, data)
    return path


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_images_are_unpacked_flat(tmp_path: Path) -> None:
    extract_images(archive(tmp_path), MEMBERS, tmp_path / "out" / "X4")
    assert names(tmp_path / "out") == ["X4", "X4/a.png", "X4/b.png"]
    assert (tmp_path / "out/X4/b.png").read_bytes() == b"b"


def test_names_that_lead_out_are_left_alone(tmp_path: Path) -> None:
    bad = archive(tmp_path, **{"../evil.png": b"x", "/tmp/l2xbench-evil.png": b"x", "set/X4/../../../up.png": b"x"})
    extract_images(bad, MEMBERS, tmp_path / "out" / "X4")
    assert names(tmp_path) == ["out", "out/X4", "out/X4/a.png", "out/X4/b.png", "set.zip"]
    assert not Path("/tmp/l2xbench-evil.png").exists()


def test_a_bomb_is_refused_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_IMAGE", 10_000)
    bomb = archive(tmp_path, **{"set/X4/b.png": bytes(10_001)})
    with pytest.raises(RequestError, match=r"set\.zip: refused: set/X4/b\.png unpacks to 10,001 bytes"):
        extract_images(bomb, MEMBERS, tmp_path / "out" / "X4")
    assert names(tmp_path / "out") == []


def test_a_header_that_lies_about_the_size_gives_no_more_than_it_says(tmp_path: Path) -> None:
    path = archive(tmp_path, **{"set/X4/b.png": bytes(100_000)})
    data = path.read_bytes()
    size = (100_000).to_bytes(4, "little")
    assert data.count(size) == 2  # the member's own header and the directory's
    path.write_bytes(data.replace(size, (1).to_bytes(4, "little")))
    with pytest.raises(RequestError, match=r"set\.zip: damaged \(Bad CRC-32"):
        extract_images(path, MEMBERS, tmp_path / "out" / "X4")
    assert names(tmp_path / "out") == []


def test_what_is_missing_or_damaged_is_told_in_one_line(tmp_path: Path) -> None:
    out = tmp_path / "out" / "X4"
    with pytest.raises(RequestError, match=r"holds no set/X4/c\.png"):
        extract_images(archive(tmp_path), [*MEMBERS, "set/X4/c.png"], out)
    path = archive(tmp_path, **{"set/X4/b.png": bytes(range(256)) * 20})
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RequestError, match="not a whole zip archive"):
        extract_images(path, MEMBERS, out)
    inside = whole.index(b"set/X4/b.png") + 60
    path.write_bytes(whole[:inside] + bytes([whole[inside] ^ 255]) + whole[inside + 1 :])
    with pytest.raises(RequestError, match=r"set\.zip"):
        extract_images(path, MEMBERS, out)
    assert names(tmp_path / "out") == []
