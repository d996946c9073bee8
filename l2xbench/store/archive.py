"""Results in one zip file: the same bytes from the same folder, every file under a checksum, safe to open.

What comes from elsewhere is not trusted. An archive is opened only if each of its names stays in the folder that it is
unpacked to, no name stands twice, no file is encrypted, all of them together are of a sane size, and each has the
SHA-256 that the archive's own list says (which tells damage, not forgery). Nothing in it is ever run.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from l2xbench.errors import RequestError
from l2xbench.system.files import PARTIAL, not_whole, unwritable

CHECKSUMS = "SHA256SUMS"
"""The member that lists all others, as `sha256sum --check` reads it."""
_STORED = {".png", ".npz", ".pdf", ".zip"}
"""Endings of what no compression makes smaller."""
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
_CHUNK = 1 << 20
MOST_ALWAYS = 256 << 20
"""Bytes that any archive may unpack to; above, `MOST_TIMES` its own size."""
MOST_TIMES = 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, UnicodeDecodeError)


def write_archive(target: Path, members: Iterable[tuple[str, bytes | Path]]) -> int:
    """Writes a zip file, whole or not at all; gives its bytes.

    Args:
        target: the file; what was there is replaced.
        members: names inside, each with its content or the file that has it.

    Raises:
        RequestError: it cannot be written, or a file cannot be read.
    """
    partial = target.with_name(f".{target.name}.{os.getpid()}{PARTIAL}")
    sums = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(partial, "w") as archive:
            for name, content in members:
                sums.append(f"{_add(archive, name, content)}  {name}\n")
            _add(archive, CHECKSUMS, "".join(sums).encode())
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(target)
    except OSError as error:
        raise unwritable(Path(error.filename or target), error) from error
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
    return target.stat().st_size


@contextmanager
def opened_archive(archive: Path, wanted: Callable[[str], bool], near: Path) -> Iterator[Path]:
    """A folder with the files of an archive; it is gone afterwards.

    Args:
        archive: a file that `write_archive` has made, here or elsewhere.
        wanted: which of its names are unpacked; the others are only compared with their checksums.
        near: the folder is made in this one, which has to have the room.

    Raises:
        RequestError: the file is none of ours, unsafe or damaged; the line says which member.
    """
    with TemporaryDirectory(prefix=".opened-", dir=near) as name:
        folder = Path(name)
        try:
            with zipfile.ZipFile(archive) as opened:
                for info, checksum in _checked(archive, opened):
                    _unpack(opened, info, checksum, folder / info.filename if wanted(info.filename) else None, archive)
        except _DAMAGED as error:
            raise RequestError(f"{archive}: {not_whole(archive, error)}") from None
        except OSError as error:
            raise RequestError(f"{archive}: cannot be unpacked ({error.strerror or error})") from None
        yield folder


def _add(archive: zipfile.ZipFile, name: str, content: bytes | Path) -> str:
    """Adds a member, and gives its SHA-256."""
    info = zipfile.ZipInfo(name, _LONG_AGO)
    info.create_system, info.external_attr = 3, 0o644 << 16
    info.compress_type = zipfile.ZIP_STORED if PurePosixPath(name).suffix in _STORED else zipfile.ZIP_DEFLATED
    if isinstance(content, bytes):
        archive.writestr(info, content)
        return hashlib.sha256(content).hexdigest()
    total = hashlib.sha256()
    info.file_size = content.stat().st_size
    with content.open("rb") as source, archive.open(info, "w") as target:
        while chunk := source.read(_CHUNK):
            total.update(chunk)
            target.write(chunk)
    return total.hexdigest()


def _checked(archive: Path, opened: zipfile.ZipFile) -> list[tuple[zipfile.ZipInfo, str]]:
    """The files of an archive with their checksums; whatever is wrong with the archive as a whole is raised."""
    members = {info.filename: info for info in opened.infolist() if not info.is_dir()}
    if len(members) != sum(not info.is_dir() for info in opened.infolist()):
        raise RequestError(f"{archive}: refused: it holds two files of one name")
    if CHECKSUMS not in members:
        raise RequestError(f"{archive}: not a bundle: it holds no {CHECKSUMS}; `l2xbench bundle RESULTS` makes one")
    for name, info in members.items():
        if not _is_safe(name):
            raise RequestError(f"{archive}: refused: the name {name!r} leads out of the folder")
        if info.flag_bits & 1:
            raise RequestError(f"{archive}: {name} is encrypted")
        if info.compress_type not in _METHODS:
            raise RequestError(f"{archive}: {name} is compressed in a way that no bundle uses")
    size = archive.stat().st_size
    unpacked = sum(info.file_size for info in members.values())  # zipfile never unpacks more than these headers say
    if unpacked > MOST_ALWAYS + MOST_TIMES * size:
        raise RequestError(f"{archive}: refused: its {size:,} bytes unpack to {unpacked:,} (a zip bomb?)")
    sums = {}
    for line in opened.read(members.pop(CHECKSUMS)).decode().splitlines():
        checksum, _, name = line.partition("  ")
        sums[name] = checksum
    if sums.keys() != members.keys():
        other = sorted(sums.keys() ^ members.keys())[0]
        raise RequestError(f"{archive}: {other!r} is not both in it and in its {CHECKSUMS}")
    return [(info, sums[name]) for name, info in members.items()]


def _is_safe(name: str) -> bool:
    path = PurePosixPath(name)
    return str(path) == name and not path.is_absolute() and ".." not in path.parts and "\\" not in name


def _unpack(opened: zipfile.ZipFile, info: zipfile.ZipInfo, checksum: str, target: Path | None, archive: Path) -> None:
    total = hashlib.sha256()
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(info) as source, open(target or os.devnull, "wb") as file:  # noqa: PTH123  the null device too
        while chunk := source.read(_CHUNK):
            total.update(chunk)
            file.write(chunk)
    if total.hexdigest() != checksum:
        raise RequestError(f"{archive}: {info.filename} is not what its checksum says: the file is damaged")
