"""One run at a time in a results folder: the lock says who holds it, and ends with the process that held it."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from l2xbench.errors import RequestError
from l2xbench.system.files import make_folder, unwritable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = ".lock"


@dataclass(frozen=True)
class Holder:
    """The process that runs in a results folder."""

    pid: int
    host: str
    since: str
    """UTC, to the second."""
    command: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since} ({self.command})"


@contextmanager
def run_lock(root: Path, command: str) -> Iterator[None]:
    """Holds the results folder `root` for this process.

    The system's own lock on an open file decides, so that a process that was killed, or a machine that went down, is
    never in the way; what is written in the file only tells who it is. On a file system without such locks the process
    named in the file decides, if it is on this machine.

    Raises:
        RequestError: another process holds it, or the folder cannot be written to.
    """
    path = root / NAME
    try:
        make_folder(root)
        file = path.open("a+")
    except OSError as error:
        raise unwritable(path, error) from error
    with file:
        if not _take(file, tries=5):  # who only looks has it for a moment
            raise RequestError(
                f"{root}: another run is at work here: {_who(file) or 'it has not said which'}; wait for it, or name "
                f"another folder with --out (if that process is gone, remove {path})"
            )
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        holder = Holder(os.getpid(), socket.gethostname(), now, command)
        try:
            file.truncate(0)
            file.write(json.dumps(asdict(holder)))
            file.flush()
        except OSError as error:
            raise unwritable(path, error) from error
        try:
            yield
        finally:
            with suppress(OSError):
                file.truncate(0)


def holder(root: Path) -> Holder | None:
    """Who runs in a results folder now; None if nobody does."""
    try:
        with (root / NAME).open("r+") as file:
            # taken for a moment, and let go when the file is closed
            return None if _take(file) else _who(file)
    except OSError:
        return None


def _take(file: IO[str], tries: int = 1) -> bool:
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.1)
            return tries > 1 and _take(file, tries - 1)
        except OSError:
            pass  # a file system without locks
    found = _who(file)
    return found is None or found.pid == os.getpid() or (found.host == socket.gethostname() and not _alive(found.pid))


def _who(file: IO[str]) -> Holder | None:
    try:
        file.seek(0)
        return Holder(**json.loads(file.read()))
    except (OSError, ValueError, TypeError):
        return None


def _alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # there os.kill would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
