"""Append-only files of blocks of rows, each line under a checksum: what is half written or damaged is known as such.

A line is `checksum TAB kind TAB recipe TAB head TAB files TAB values`, the last three in JSON: `[images, digests]`,
then what is known of them, column by column, so that hundreds of rows are read as quickly as a few, and only those
parts that are asked for. Blocks of one dataset have the same head, which is parsed once. A line is appended and
synchronised before anybody is told that it is there; whatever follows the last newline is a write that was cut short,
and is cut off before the next one.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypedDict

from l2xbench.errors import RequestError
from l2xbench.store.units import Value
from l2xbench.system.files import make_folder, sync_folder, unwritable, write_whole

DONE, FAILED, GONE = "done", "failed", "gone"
"""What a block says of its rows; `GONE` takes back what earlier ones said."""


class FileColumn(TypedDict):
    """Where a file of each row lies, and its bytes."""

    path: list[str]
    """What stands before and after the image's name, or the whole path where that is not part of it."""
    sizes: list[int]


@dataclass(frozen=True)
class JournalBlock:
    """Rows of one recipe: images with their digests, and columns as long as they are."""

    kind: str
    """`DONE`, `FAILED` or `GONE`."""
    recipe: str
    head: bytes
    _files: bytes
    _values: bytes

    @classmethod
    def from_rows(
        cls,
        kind: str,
        recipe: str,
        images: Sequence[str],
        digests: Sequence[str],
        files: Mapping[str, FileColumn] | None = None,
        values: Mapping[str, Sequence[Value]] | None = None,
    ) -> JournalBlock:
        """A block of these rows; each column is as long as `images`."""
        head = _dump([list(images), list(digests)])
        return cls(kind, recipe, head, _dump(files or {}), _dump(values or {}))

    @property
    def rows(self) -> tuple[list[str], list[str]]:
        """Images and digests; not to be changed, since blocks share them."""
        return _parse_head(self.head)

    def files(self) -> dict[str, FileColumn]:
        """What -> the files of the rows."""
        found: dict[str, FileColumn] = json.loads(self._files)
        return found

    def values(self) -> dict[str, list[Value]]:
        """Name -> a value a row."""
        found: dict[str, list[Value]] = json.loads(self._values)
        return found

    def line(self) -> bytes:
        """The block as it stands in the file, with its newline."""
        rest = b"\t".join((self.kind.encode(), self.recipe.encode(), self.head, self._files, self._values))
        return b"%08x\t%b\n" % (zlib.crc32(rest), rest)


@dataclass(frozen=True)
class JournalContents:
    """What a file holds."""

    blocks: list[JournalBlock]
    damaged: int
    """How many whole lines have a wrong checksum."""
    end: int
    """Bytes up to the last newline."""
    size: int
    """Bytes in all."""


def read(path: Path) -> JournalContents:
    """The blocks of a file, oldest first; none where there is no file.

    Raises:
        RequestError: the file cannot be read at all.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return JournalContents([], 0, 0, 0)
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from error
    *lines, tail = data.split(b"\n")
    blocks = []
    for line in lines:
        checksum, _, rest = line.partition(b"\t")
        if checksum == b"%08x" % zlib.crc32(rest):
            kind, recipe, head, files, values = rest.split(b"\t")
            blocks.append(JournalBlock(kind.decode(), recipe.decode(), head, files, values))
    return JournalContents(blocks, len(lines) - len(blocks), len(data) - len(tail), len(data))


def append(path: Path, block: JournalBlock, end: int | None = None) -> int:
    """Adds a block at the end and gives the file's new length, once disk and folder hold it.

    Args:
        path: the file; made with its folders where it is not there.
        block: what to add.
        end: where the last whole line ends, if the file may hold half a line after it.

    Raises:
        RequestError: it cannot be written (a full disk); the file is then as it was.
    """
    line = block.line()
    start = None
    try:
        make_folder(path.parent)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
        try:
            size = os.fstat(descriptor).st_size
            start = size if end is None else min(end, size)
            if start < size:
                os.ftruncate(descriptor, start)
            os.lseek(descriptor, start, os.SEEK_SET)
            view = memoryview(line)
            while view:
                view = view[os.write(descriptor, view) :]
            os.fsync(descriptor)
        except BaseException:
            if start is not None:
                with suppress(OSError):
                    os.ftruncate(descriptor, start)
            raise
        finally:
            os.close(descriptor)
        if start == 0:
            sync_folder(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    return start + len(line)


def rewrite(path: Path, blocks: Sequence[JournalBlock]) -> int:
    """Puts these blocks in place of the file, whole or not at all; gives its length. Errors as in `append`."""
    data = b"".join(block.line() for block in blocks)
    write_whole(path, data, sole=True)
    return len(data)


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


@lru_cache(maxsize=256)
def _parse_head(head: bytes) -> tuple[list[str], list[str]]:
    images, digests = json.loads(head)
    return images, digests
