"""Writing a file whole or not at all."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from l2xbench.errors import RequestError, message_of

PARTIAL = ".partial"
"""The ending of a file that is being written; only a process that was killed leaves one."""
if TYPE_CHECKING:
    import numpy as np


def write_whole(path: Path, data: bytes | memoryview, *, sole: bool = False) -> Path:
    """Writes `data` to `path` through a neighbour that is renamed: an interrupt or a power cut leaves no half of it.

    Args:
        path: the file; its folder is made where it is missing.
        data: all of it.
        sole: no other process may write this file at the same time, so that what one left half written when it was
            killed is written over by the next.

    Raises:
        RequestError: it cannot be written (a full disk, a folder without permission).
    """
    partial = path.with_name(f".{path.name}{'' if sole else f'.{os.getpid()}'}{PARTIAL}")
    try:
        make_folder(path.parent)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        sync_folder(path.parent)
    except BaseException as error:  # Ctrl-C too leaves nothing behind
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise
    return path


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it, so that they last through a power cut."""
    missing = []
    while not folder.is_dir():
        missing.append(folder)
        if folder == folder.parent:
            break
        folder = folder.parent
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        sync_folder(each.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder last through a power cut, where the system has a way to."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that cannot
            raise
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: OSError) -> RequestError:
    """What to say where a file cannot be written."""
    return RequestError(f"{path}: cannot be written ({error.strerror or error}); what was finished is kept")


def not_whole(archive: Path, error: Exception) -> str:
    """What to say of a zip archive that cannot be read: damaged, or none or a part of one."""
    from zipfile import is_zipfile

    reason = message_of(error)
    return (
        f"damaged ({reason}); fetch or copy it again" if is_zipfile(archive) else f"not a whole zip archive ({reason})"
    )


def packed(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """Arrays by name as the bytes of a compressed `.npz`, without pickles.

    Raises:
        ValueError: an array holds Python objects.
    """
    import numpy as np

    # NumPy before 2.1 has no `allow_pickle` here, and would take it for an array's name
    for name, array in arrays.items():
        if np.asarray(array).dtype.hasobject:
            raise ValueError(f"the array '{name}' holds Python objects, which only a pickle could keep")
    buffer = io.BytesIO()
    named: dict[str, Any] = dict(arrays)
    np.savez_compressed(buffer, **named)
    return buffer.getbuffer()
