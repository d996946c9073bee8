"""What is in a folder: images, in natural order, and subfolders whatever their case."""

from __future__ import annotations

import re
from pathlib import Path

from l2xbench.errors import RequestError

#: File endings that count as images in a folder.
SUFFIXES = (
    ".png",
    ".jpg",
    ".jpeg",
    ".bmp",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".gif",
    ".jp2",
    ".avif",
)


def listing(folder: Path) -> list[Path]:
    """All that is in the folder, except hidden files such as macOS leaves beside every image."""
    try:
        return [p for p in folder.iterdir() if not p.name.startswith(".")]
    except OSError as error:
        raise RequestError(f"{folder}: cannot be listed: {error.strerror}") from None


def subfolders(folder: Path) -> list[Path]:
    return [p for p in listing(folder) if p.is_dir()]


def subfolder(folder: Path, name: str) -> Path | None:
    """The subfolder of this name; upper and lower case are one."""
    return next((p for p in subfolders(folder) if p.name.lower() == name.lower()), None)


def image_files(folder: Path) -> list[Path]:
    """The image files directly in the folder, `img_2` before `img_10`."""
    files = [p for p in listing(folder) if p.suffix.lower() in SUFFIXES and p.is_file()]
    return sorted(files, key=lambda p: natural(p.name))


def printable(name: str) -> str:
    r"""A file's name, or a part of it, as text that can be written anywhere: bytes that are no UTF-8, and control
    characters, are told by number.

    Examples:
        >>> printable("\udccd\udcbc.png")
        '~CD~BC.png'
        >>> printable("图像 😀.png")
        '图像 😀.png'
    """
    return "".join(each if _is_text(each) else _by_number(each) for each in name)


def _is_text(character: str) -> bool:
    return character.isprintable() or not (character < " " or "\x7f" <= character < "\xa0" or _is_surrogate(character))


def _is_surrogate(character: str) -> bool:
    return "\ud800" <= character <= "\udfff"


def _by_number(character: str) -> str:
    return f"~{ord(character) & 0xFF:02X}"  # Python keeps the byte CD as U+DCCD


def natural(name: str) -> list[tuple[int, str]]:
    """A sorting key by which `img_2` comes before `img_10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in re.split(r"(\d+)", name)]
