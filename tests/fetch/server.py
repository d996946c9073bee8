"""A web server on loopback that misbehaves as it is told."""

from __future__ import annotations

import re
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Serves `files`; the other attributes say how badly. `asked` lists (path, Range header or None)."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.cuts: dict[str, list[int]] = {}
        """Path -> after how many bytes of the body the first answers, one each, break off."""
        self.stalls: dict[str, list[int]] = {}
        """Path -> after how many bytes of the body the first answers stop coming."""
        self.refusals: dict[str, list[int]] = {}
        """Path -> the statuses of the first answers."""
        self.delay = 0.0
        """Seconds before the body."""
        self.declares_length = True
        self.content_type = "application/octet-stream"
        self._closed = threading.Event()
        self.asked: list[tuple[str, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer._answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        self._http.shutdown()
        self._http.server_close()

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        path, asked = request.path, request.headers.get("Range")
        self.asked.append((path, asked))
        if self.refusals.get(path):
            return self._bare(request, self.refusals[path].pop(0))
        if path not in self.files:
            return self._bare(request, 404)
        body = whole = self.files[path]
        begin = re.fullmatch(r"bytes=(\d+)-", asked or "") if self.ranges else None
        if begin and int(begin[1]) >= len(whole):
            return self._bare(request, 416, ("Content-Range", f"bytes */{len(whole)}"))
        request.send_response(206 if begin else 200)
        if begin:
            body = whole[int(begin[1]) :]
            request.send_header("Content-Range", f"bytes {begin[1]}-{len(whole) - 1}/{len(whole)}")
        if self.declares_length:
            request.send_header("Content-Length", str(len(body)))
        else:
            request.send_header("Connection", "close")
        request.send_header("Content-Type", self.content_type)
        request.end_headers()
        request.wfile.flush()
        self._closed.wait(self.delay)
        stall = self.stalls[path].pop(0) if self.stalls.get(path) else None
        cut = self.cuts[path].pop(0) if self.cuts.get(path) else stall
        with suppress(OSError):  # the client may have left
            request.wfile.write(body[:cut])
            if stall is not None:
                request.wfile.flush()
                self._closed.wait(30)
        if cut is not None or not self.declares_length:
            request.close_connection = True
        return None

    def _bare(self, request: BaseHTTPRequestHandler, status: int, *headers: tuple[str, str]) -> None:
        request.send_response(status)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", "0")
        request.end_headers()
