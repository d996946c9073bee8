"""Writing a report's files whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path


def with_ending(stem: Path, ending: str) -> Path:
    """`stem` + `ending`; unlike `Path.with_suffix` it keeps a dot that belongs to the name (`img_0.5`)."""
    return stem.parent / f"{stem.name}{ending}"


def write_whole(path: Path, data: bytes) -> Path:
    """Write `data` to `path` through a neighbour that is renamed: an interrupt leaves no half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.{os.getpid()}.partial"
    try:
        partial.write_bytes(data)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    return path
