"""Hashes of files whose publisher gives none: the first download is trusted, and every later one must equal it."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from l2xbench.errors import RequestError
from l2xbench.resources import cache_folder
from l2xbench.system.files import write_whole

_lock = threading.Lock()


def record_path() -> Path:
    """The file that keeps them: url -> sha256, bytes, first_seen."""
    return cache_folder() / "first_seen.json"


def known(url: str) -> str | None:
    """The SHA-256 that the file at `url` had when it was first downloaded."""
    entry = _read().get(url)
    return entry["sha256"] if entry else None


def remember(url: str, sha256: str, size: int) -> None:
    """Keeps the SHA-256 of a first download."""
    with _lock:
        entries = _read()
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        entries[url] = {"sha256": sha256, "bytes": size, "first_seen": now}
        write_whole(record_path(), json.dumps(entries, indent=2, sort_keys=True).encode())


def _read() -> dict[str, dict[str, Any]]:
    path = record_path()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(entries, dict) and all("sha256" in entry for entry in entries.values()):
            return entries
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError):
        pass
    raise RequestError(f"{path}: damaged; remove it (hashes of first downloads are then recorded anew)")
