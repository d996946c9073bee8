"""Writing a file whole or not at all."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from l2xbench.errors import RequestError

if TYPE_CHECKING:
    import numpy as np


def write_whole(path: Path, data: bytes | memoryview) -> Path:
    """Writes `data` to `path` through a neighbour that is renamed: an interrupt or a power cut leaves no half of it.

    Raises:
        RequestError: it cannot be written (a full disk, a folder without permission).
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException as error:  # Ctrl-C too leaves nothing behind
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RequestError(f"{path}: cannot be written ({error.strerror}); what was finished is kept") from error
        raise
    return path


def with_ending(stem: Path, ending: str) -> Path:
    """`stem` + `ending`; unlike `Path.with_suffix` it keeps a dot that belongs to the name (`img_0.5`)."""
    return stem.parent / f"{stem.name}{ending}"


def packed(arrays: Mapping[str, np.ndarray]) -> memoryview:
    """Arrays by name as the bytes of a compressed `.npz`, without pickles."""
    import numpy as np

    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getbuffer()
