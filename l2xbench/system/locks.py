"""One process at a time in a folder, and a note of which: the lock is the system's own and ends with its holder."""

from __future__ import annotations

import errno
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from l2xbench.system.command import command_line
from l2xbench.system.files import make_folder, write_whole

LOCK = ".lock"
SOFT_LOCK = ".lock-soft"
"""In the place of the lock on file systems without locks."""
NOTE = ".lock-holder.json"
"""Beside the lock, since a locked file cannot be read on every system."""
_LOOKING = 0.5
"""Seconds to wait for a process that only looks whether anybody holds the lock."""
_NO_LOCKS = {errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP}
"""What file systems without locks answer."""


@dataclass(frozen=True)
class Holder:
    """The process that holds a folder."""

    pid: int
    host: str
    since: str
    """UTC, to the second."""
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since} ({self.command})"


class IsHeld(Exception):
    """Another process holds the folder; the text says which, and how to get past it if this machine cannot tell."""

    def __init__(self, folder: Path, by: Holder | None) -> None:
        told = str(by or "it has not said which")
        marker = folder / SOFT_LOCK
        if marker.exists() and (by is None or by.host != socket.gethostname()):
            told += f" (if that process is gone, remove {marker})"
        super().__init__(told)


@contextmanager
def hold_folder(folder: Path, *, waiting: Callable[[Holder | None], None] | None = None) -> Iterator[None]:
    """Holds a folder for this process and leaves a note of it; the folder is made where it is missing.

    A holder that was killed, or whose machine went down, is never in the way: the system lets go of its lock. On a file
    system without locks a file that names the holder takes their place, which counts only while that process lives, as
    far as it can be seen from this machine.

    Args:
        folder: what to hold.
        waiting: told who holds it, if another process does; then this one waits for as long as it takes.

    Raises:
        IsHeld: another process holds it, and there is no `waiting`.
        OSError: the lock cannot be made.
        RequestError: the note cannot be written (a full disk).
    """
    make_folder(folder)
    lock = _taken(folder, _LOOKING)
    if lock is None:
        by = _read_note(folder)
        if waiting is None:
            raise IsHeld(folder, by)
        waiting(by)
        lock = _taken(folder, -1)
    assert lock is not None
    try:
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        note = Holder(os.getpid(), socket.gethostname(), now, command_line())
        write_whole(folder / NOTE, json.dumps(asdict(note)).encode(), sole=True)
        yield
    finally:
        with suppress(OSError):
            (folder / NOTE).unlink(missing_ok=True)
        lock.release()


def holder_of(folder: Path) -> Holder | None:
    """Who holds a folder now, as far as its note tells; None if nobody does. Nothing is made in the folder."""
    if not (folder / LOCK).exists():
        return None
    try:
        lock = _taken(folder, 0)
    except OSError:
        return None
    if lock is None:
        return _read_note(folder)
    lock.release()
    return None


def _taken(folder: Path, seconds: float) -> BaseFileLock | None:
    """The lock, once it is this process's; None if it is another's for so many seconds (-1: wait for ever)."""
    for lock in (FileLock(folder / LOCK), SoftFileLock(folder / SOFT_LOCK)):
        try:
            lock.acquire(timeout=seconds, poll_interval=0.1)
            return lock
        except Timeout:
            return None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
    return None


def _read_note(folder: Path) -> Holder | None:
    try:
        return Holder(**json.loads((folder / NOTE).read_text()))
    except (OSError, ValueError, TypeError):
        return None
