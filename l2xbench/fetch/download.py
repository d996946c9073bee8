"""Files into the cache folder: what is there and right is left alone, what arrives is checked before it counts."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pooch

from l2xbench.fetch.transfer import DownloadError, Patience, Transfer

CONNECTIONS = 4
PATIENCE = Patience()

pooch.get_logger().setLevel(logging.WARNING)  # it would tell of every file; progress is shown by ours


@dataclass(frozen=True)
class Remote:
    """A file that can be downloaded, and where it belongs."""

    url: str
    path: Path
    sha256: str
    """Its SHA-256, or the beginning of it."""
    size: int | None = None
    """Bytes."""

    def looks_present(self) -> bool:
        """Whether a file of the right size is there; every file that we put there was checked when it arrived."""
        return self.path.is_file() and self.size in (None, self.path.stat().st_size)

    def is_right(self) -> bool:
        """Whether the file is there and has the hash."""
        return self.looks_present() and pooch.file_hash(str(self.path)).startswith(self.sha256)


class DownloadProgress(Protocol):
    """Who is told how downloads go."""

    def start(self, what: str, size: int | None) -> None:
        """A download begins: of what, and how many bytes where that is known."""

    def arrived(self, count: int) -> None:
        """So many bytes more are there; fewer, if negative. Called from several threads."""


class Mismatch(DownloadError, ValueError):
    """What arrived is not the published file. A ValueError too, as pooch raises."""


def fetch_files(remotes: Sequence[Remote], progress: DownloadProgress, patience: Patience | None = None) -> int:
    """Downloads those files that are not there and right, a few at once.

    Returns:
        How many were downloaded.

    Raises:
        DownloadError: the first that failed; the others' finished and partial files are kept for the next time.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=CONNECTIONS) as pool:
        futures = [pool.submit(fetch_file, remote, progress, patience, stop) for remote in remotes]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failed = [error for future in done if (error := future.exception()) is not None]
        finally:  # Ctrl-C too must not wait for what is under way
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
    if failed:
        raise failed[0]
    return sum(future.result() for future in futures)


def fetch_file(
    remote: Remote, progress: DownloadProgress, patience: Patience | None = None, stop: threading.Event | None = None
) -> bool:
    """Downloads a file unless it is there and right; returns whether it did.

    Raises:
        DownloadError: no connection, no such file, a hash that differs (the file is removed), a disk that is full or
            cannot be written.
    """
    stop = stop or threading.Event()
    if stop.is_set():
        raise DownloadError(f"{remote.url}: stopped")
    try:
        if remote.is_right():
            progress.arrived(remote.path.stat().st_size)
            return False
        remote.path.parent.mkdir(parents=True, exist_ok=True)
        _fetch(remote, progress, patience or PATIENCE, stop)
    except OSError as error:
        raise DownloadError(f"{remote.path}: cannot be written ({error.strerror or error})") from None
    return True


def _fetch(remote: Remote, progress: DownloadProgress, patience: Patience, stop: threading.Event) -> None:
    transfer = Transfer(
        url=remote.url,
        partial=remote.path.with_name(f"{remote.path.name}.partial"),
        size=remote.size,
        patience=patience,
        arrived=progress.arrived,
        stop=stop,
    )
    whole = remote.sha256 if len(remote.sha256) == 64 else None

    def downloader(url: str, output: str, _: object) -> None:
        transfer.run()
        # pooch itself checks a whole hash
        if whole is None and not pooch.file_hash(str(transfer.partial)).startswith(remote.sha256):
            raise Mismatch("of another hash")
        transfer.partial.replace(output)

    for last in (False, True):
        transfer.resumed = transfer.partial.exists()
        try:
            arrived = pooch.retrieve(
                remote.url,
                known_hash=f"sha256:{whole}" if whole else None,
                fname=f".{remote.path.name}.checked",
                path=remote.path.parent,
                downloader=downloader,
            )
            Path(arrived).replace(remote.path)  # only now is a file replaced that was there and wrong
            return
        except ValueError:
            transfer.forget()
            # the halves of a resumed file may be of two versions: once more, from its beginning
            if last or not transfer.resumed:
                raise Mismatch(
                    f"{remote.url}: what arrived has another SHA-256 than the published {remote.sha256[:16]}; removed"
                ) from None
