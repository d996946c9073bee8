"""Zip files of results: the same bytes, checked when they are opened, and never out of their folder."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.store.archive import CHECKSUMS, opened_archive, write_archive

MEMBERS: list[tuple[str, bytes]] = [
    ("manifest.json", b"{}"),
    ("sr/a/b.png", b"\x89PNG"),
    ("tables/t.csv", b"a,b\n" * 99),
]


def everything(archive: Path, near: Path) -> dict[str, bytes]:
    with opened_archive(archive, lambda name: True, near) as folder:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    on_disk = tmp_path / "file"
    on_disk.write_bytes(b"x" * 3_000_000)
    size = write_archive(path, [*MEMBERS, ("big.npz", on_disk)])
    assert size == path.stat().st_size
    assert everything(path, tmp_path) == {**dict(MEMBERS), "big.npz": on_disk.read_bytes()}
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.zip", "file"]


def test_the_same_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        write_archive(tmp_path / name, MEMBERS)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_only_what_is_wanted_is_unpacked(tmp_path: Path) -> None:
    write_archive(tmp_path / "a.zip", MEMBERS)
    with opened_archive(tmp_path / "a.zip", lambda name: name.startswith("sr/"), tmp_path) as folder:
        assert [path.name for path in folder.rglob("*") if path.is_file()] == ["b.png"]
    assert not folder.exists()


def with_member(name: str, content: bytes = b"x", listed: bool = True) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        import hashlib

        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(name, content)
            archive.writestr(CHECKSUMS, f"{hashlib.sha256(content).hexdigest()}  {name}\n" if listed else "")

    return write


def twice(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a", "1")
        archive.writestr("a", "2")


def bomb(path: Path) -> None:
    """300 MB of zeros in 300 kB."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a", "w") as file:
        for _ in range(300):
            file.write(bytes(1 << 20))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(CHECKSUMS, "")


def encrypted(path: Path) -> None:
    with_member("a")(path)
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")
    struct.pack_into("<H", data, entry + 8, 1)
    path.write_bytes(data)


def damaged(path: Path) -> None:
    write_archive(path, MEMBERS)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"\x89PNG", b"\x89PNg"))


def forged(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "1")
        archive.writestr(CHECKSUMS, f"{'0' * 64}  a\n")


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "no zip": (lambda path: path.write_bytes(b"hello"), "not a whole zip archive"),
    "cut short": (
        lambda path: (write_archive(path, MEMBERS), path.write_bytes(path.read_bytes()[:-30])),
        "not a whole",
    ),
    "not there": (lambda path: None, "cannot be unpacked"),
    "no checksums": (lambda path: zipfile.ZipFile(path, "w").close(), "not a bundle"),
    "a parent": (with_member("../../evil.txt"), "leads out of the folder"),
    "within": (with_member("tables/../../evil.txt"), "leads out of the folder"),
    "absolute": (with_member("/etc/evil"), "leads out of the folder"),
    "backslashes": (with_member("..\\evil"), "leads out of the folder"),
    "not listed": (with_member("a", listed=False), "'a' is not both in it and in its SHA256SUMS"),
    "two of one name": (twice, "two files of one name"),
    "a bomb": (bomb, "a zip bomb?"),
    "encrypted": (encrypted, "is encrypted"),
    "damaged": (damaged, "damaged (Bad CRC-32"),
    "another content": (forged, "a is not what its checksum says"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_unsafe_or_damaged_is_refused(tmp_path: Path, wrong: str) -> None:
    make, told = WRONG[wrong]
    folder = tmp_path / "in/side"
    folder.mkdir(parents=True)
    make(folder / "a.zip")
    with pytest.raises(RequestError, match="a.zip") as raised:
        everything(folder / "a.zip", folder)
    assert told in str(raised.value)
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"a.zip"}
