"""Files out of a zip archive: only those that are expected, each of a sane size, all or none."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from l2xbench.errors import RequestError
from l2xbench.system.files import not_whole

MAX_IMAGE = 64 * 2**20
"""An image that unpacks to more bytes is refused; DIV2K's largest is about 8 MiB."""
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)


def extract_images(archive: Path, members: Sequence[str], folder: Path) -> None:
    """Unpacks `members` of a zip archive flat into `folder`, which appears whole or not at all.

    What else the archive holds is not looked at, so that no name in it can lead out of the folder.

    Args:
        archive: the zip file.
        members: names inside it, each with another last part.
        folder: where they go; what was there is replaced.

    Raises:
        RequestError: not a zip file, a member is missing, damaged or too large when unpacked, or the disk is full.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary,
        ):
            inside = Path(temporary, folder.name)
            inside.mkdir()
            for member in members:
                _extract(opened, archive, member, inside / member.rsplit("/", 1)[-1], MAX_IMAGE)
            shutil.rmtree(folder, ignore_errors=True)
            inside.rename(folder)
    except _DAMAGED as error:
        raise RequestError(f"{archive}: {not_whole(archive, error)}") from None
    except OSError as error:
        raise RequestError(f"{folder}: cannot be written ({error.strerror or error})") from None


def extract_file(archive: Path, member: str, target: Path, most: int) -> None:
    """Unpacks one `member` of a zip archive into the file `target`, of at most `most` bytes.

    Raises:
        RequestError: not a zip file, the member is missing, damaged or too large when unpacked, or the disk is full.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            _extract(opened, archive, member, target, most)
    except _DAMAGED as error:
        raise RequestError(f"{archive}: {not_whole(archive, error)}") from None
    except OSError as error:
        raise RequestError(f"{target}: cannot be written ({error.strerror or error})") from None


def _extract(opened: zipfile.ZipFile, archive: Path, member: str, target: Path, most: int) -> None:
    try:
        info = opened.getinfo(member)
    except KeyError:
        raise RequestError(f"{archive}: holds no {member}") from None
    if info.flag_bits & 1:
        raise RequestError(f"{archive}: {member} is encrypted")
    if info.file_size > most:  # zipfile never unpacks more than this header says
        raise RequestError(f"{archive}: refused: {member} unpacks to {info.file_size:,} bytes (a zip bomb?)")
    with opened.open(info) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file)
