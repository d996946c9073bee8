"""Reading the images and arrays that records name; what is damaged is removed, so that its unit is done again."""

from __future__ import annotations

import errno
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from l2xbench.errors import RequestError


class DamagedFile(RequestError):
    """A file of a record that cannot be read; it is removed, so that its unit is done again.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path, told: str) -> None:
        super().__init__(path, told)  # as arguments, so that it can be pickled
        self.path = path

    def __str__(self) -> str:
        return "{}: {}; the same command makes it anew".format(*self.args)


def read_png(path: Path) -> NDArray[np.uint8]:
    """A kept image: uint8 (H, W, 3).

    Raises:
        DamagedFile: it is missing or damaged; it is gone then.
        RequestError: it cannot be read for another reason, which a second try may not meet (no permission, no memory).
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except Exception as error:  # a damaged PNG makes Pillow raise a dozen kinds
        raise _unreadable(path, error) from error


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Kept arrays by name, without pickles. Errors as in `read_png`."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except Exception as error:  # as above, of zipfile, zlib and NumPy
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> RequestError:
    code = error.errno if isinstance(error, OSError) else None
    if code not in (None, errno.EIO, errno.ENOENT) or isinstance(error, MemoryError):
        return RequestError(f"{path}: cannot be read ({error})")
    with suppress(OSError):
        path.unlink()
    told = "is missing" if code == errno.ENOENT else f"is damaged ({type(error).__name__})"
    return DamagedFile(path, told)
