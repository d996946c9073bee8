"""One file over HTTP, going on where an interrupted transfer stopped.

pooch keeps the cache and checks the hashes, but its own downloader starts every file anew; this one, given to pooch in
its place, keeps what has arrived in `<file>.partial` and asks for the rest with `Range` (RFC 9110, section 14). Whether
the parts are of one version of the file is not asked: every file has a hash, by which the whole is checked.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from l2xbench.errors import RequestError, message_of

_BLOCK = 2**14
"""Bytes written at a time; when a connection breaks, less than this of what came is lost."""
_MOST = 16 * 2**30
"""A file of unknown size may not be larger than this."""
_BUSY = {408, 425, 429, 500, 502, 503, 504}
"""Answers after which the same request may succeed a little later."""


class DownloadError(RequestError):
    """A file cannot be downloaded; the one line says why."""


class _Broken(Exception):
    """A transfer that stopped half-way, and may go on."""


@dataclass(frozen=True)
class Patience:
    """How long a server is waited for, in seconds, and how often it is asked again without a byte gained."""

    connect: float = 10
    read: float = 30
    attempts: int = 4
    pause: float = 1


@dataclass
class Transfer:
    """A download of `url` into the file `partial`."""

    url: str
    partial: Path
    size: int | None
    """The published size in bytes, where there is one."""
    patience: Patience
    arrived: Callable[[int], None]
    """Told of bytes gained, or lost again (a negative number)."""
    stop: threading.Event
    """Set from another thread to leave off."""
    resumed: bool = False
    """Whether the file was put together from more than one answer."""
    counted: int = 0
    """What `arrived` was told of in all."""

    def run(self) -> None:
        """Brings `partial` to completion.

        Raises:
            DownloadError: no connection, an answer that is not the file, or too many interruptions; what has arrived
                is kept.
            OSError: the disk cannot be written.
        """
        failures = 0
        here = self._start()
        self._count(here)
        while True:
            try:
                self._attempt()
                return
            except _Broken as error:
                now = self._length()
                failures = 0 if now > here else failures + 1
                here = now
                if failures >= self.patience.attempts:
                    kept = f"; {here:,} bytes are kept and the same command goes on from there" if here else ""
                    raise DownloadError(f"{self.url}: {error}{kept}") from None
                if self.stop.wait(self.patience.pause * 2**failures / 2):
                    raise DownloadError(f"{self.url}: stopped") from None

    def forget(self) -> None:
        """Removes what has arrived, and takes it off the count."""
        self._count(-self.counted)
        self.partial.unlink(missing_ok=True)

    def _count(self, gained: int) -> None:
        self.counted += gained
        self.arrived(gained)

    def _length(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _start(self) -> int:
        """How much of an earlier transfer can be gone on with."""
        if self.size is not None and self._length() > self.size:
            self.forget()
        return self._length()

    def _attempt(self) -> None:
        offset = self._length()
        if offset and offset == self.size:
            return
        # a compressed answer could not be gone on with
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
        try:
            with _session().get(
                self.url, headers=headers, stream=True, timeout=(self.patience.connect, self.patience.read)
            ) as answer:
                self._receive(answer, offset)
        except requests.RequestException as error:
            raise self._told(error) from None

    def _receive(self, answer: requests.Response, offset: int) -> None:
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and offset:
            if answer.headers.get("Content-Range", "").endswith(f"/{offset}"):
                return  # nothing was left to send
            self.forget()
            raise _Broken("the file on the server is another now")
        if answer.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            told = f"{_host(self.url)} answered {answer.status_code} {answer.reason or ''}".rstrip()
            if answer.status_code in _BUSY:
                raise _Broken(told)
            raise DownloadError(f"{self.url}: {told}")
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise DownloadError(f"{self.url}: {_host(self.url)} sent a web page in place of the file")
        if answer.status_code == HTTPStatus.PARTIAL_CONTENT:
            begin = re.match(rf"bytes {offset}-", answer.headers.get("Content-Range", ""))
            if not (offset and begin):
                self.forget()
                raise _Broken("the server sent another part of the file than was asked for")
            self.resumed = True
        elif offset:
            self.forget()  # a server without Range sends all of it again
            offset = 0
        declared = answer.headers.get("Content-Length", "")
        packed = answer.headers.get("Content-Encoding", "identity") != "identity"
        whole = offset + int(declared) if declared.isdecimal() and not packed else None
        self._write(answer, offset, whole)

    def _write(self, answer: requests.Response, offset: int, whole: int | None) -> None:
        if None not in (self.size, whole) and whole != self.size:
            self.forget()
            raise DownloadError(f"{self.url}: the server's file has {whole:,} bytes, the published one {self.size:,}")
        most = self.size if self.size is not None else _MOST
        here = offset
        with self.partial.open("ab" if offset else "wb") as file:
            for block in answer.iter_content(_BLOCK):
                file.write(block)
                here += len(block)
                self._count(len(block))
                if here > most:
                    raise DownloadError(f"{self.url}: refused: the server sends more than {most:,} bytes")
                if self.stop.is_set():
                    raise DownloadError(f"{self.url}: stopped")
        wanted = whole if whole is not None else self.size
        if wanted is not None and here < wanted:
            raise _Broken(f"the connection broke after {here:,} of {wanted:,} bytes")

    def _told(self, error: requests.RequestException) -> Exception:
        """A transfer's exception as one that may go on, or one that may not."""
        host = _host(self.url)
        cause = getattr(error.args[0], "reason", None) if error.args else None
        if isinstance(error, (requests.ConnectTimeout, requests.exceptions.ProxyError)) or isinstance(
            cause, (NewConnectionError, ConnectTimeoutError)
        ):
            return DownloadError(f"{self.url}: no connection to {host}")
        if isinstance(error, requests.exceptions.SSLError):
            return DownloadError(f"{self.url}: the certificate of {host} cannot be trusted")
        if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
            return _Broken(f"{host} sent nothing for {self.patience.read:g} s")
        if isinstance(error, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
            return _Broken(f"the connection to {host} broke")
        return DownloadError(f"{self.url}: {message_of(error)}")


_local = threading.local()


def _session() -> requests.Session:
    """A session a thread: 200 small files share a few connections, and sessions are not promised to be thread-safe."""
    if not hasattr(_local, "session"):
        _local.session = requests.Session()
    session: requests.Session = _local.session
    return session


def _host(url: str) -> str:
    return urlsplit(url).netloc
