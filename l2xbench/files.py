"""Writing a file whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def write_whole(path: Path, data: bytes | memoryview) -> Path:
    """Writes `data` to `path` through a neighbour that is renamed: an interrupt or a power cut leaves no half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:  # Ctrl-C too leaves nothing behind
        partial.unlink(missing_ok=True)
        raise
    return path


def with_ending(stem: Path, ending: str) -> Path:
    """`stem` + `ending`; unlike `Path.with_suffix` it keeps a dot that belongs to the name (`img_0.5`)."""
    return stem.parent / f"{stem.name}{ending}"
