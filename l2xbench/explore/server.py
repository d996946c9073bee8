"""The local server: its port, its pictures, and how it ends. Nothing of the page comes from elsewhere."""

from __future__ import annotations

import errno
import hashlib
import socket
import warnings
from collections.abc import Awaitable, Callable

import uvicorn
from fastapi import FastAPI, HTTPException, Response
from nicegui import ui
from starlette.middleware.trustedhost import TrustedHostMiddleware

from l2xbench.errors import RequestError
from l2xbench.system.lru import RecentlyUsed

PORT = 8470
_TRIES = 20
_KEPT_BYTES = 256 * 2**20
LOCAL = ("127.0.0.1", "localhost", "::1")
"""Addresses that only this machine reaches."""
_TYPES = {"png": "image/png", "f32": "application/octet-stream"}


class Shelf:
    """Pictures and maps for the page to fetch, each under the hash of its bytes; the oldest go."""

    def __init__(self) -> None:
        self._kept: RecentlyUsed[str, bytes] = RecentlyUsed(_KEPT_BYTES, len)

    def put(self, data: bytes, kind: str) -> str:
        """Keeps `data` (a `png` or `f32`), and returns its address."""
        name = f"{hashlib.sha256(data).hexdigest()}.{kind}"
        self._kept.get(name, lambda: data)
        return f"/shelf/{name}"

    def answer(self, name: str) -> Response:
        """What the page gets for an address."""
        if name not in self._kept:
            raise HTTPException(404)
        kind = _TYPES[name.rpartition(".")[2]]
        return Response(self._kept[name], media_type=kind, headers={"Cache-Control": "private, max-age=3600"})


def listen(host: str, port: int | None) -> socket.socket:
    """A socket on `port`; by default on the first free port from 8470. Port 0 is any free one.

    Raises:
        RequestError: the port is taken, or the host is not this machine's.
    """
    wanted = range(PORT, PORT + _TRIES) if port is None else [port]
    for number in wanted:
        try:
            return socket.create_server((host, number), family=_family(host))
        except OSError as error:
            if error.errno == errno.EACCES:
                raise RequestError(
                    f"--port {number}: may not be used (permission denied); name one from 1024"
                ) from None
            if error.errno != errno.EADDRINUSE:
                raise RequestError(f"--host {host}: is not an address of this machine") from None
    if port is None:
        raise RequestError(f"--port: {PORT} to {PORT + _TRIES - 1} are all taken; name another, or 0 for any free one")
    raise RequestError(f"--port {port}: is taken; name another, or 0 for any free one")


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def address(listening: socket.socket) -> str:
    """Where a browser finds the page."""
    host, port = listening.getsockname()[:2]
    if host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(listening: socket.socket, build: Callable[[Shelf], Awaitable[None]], started: Callable[[], None]) -> None:
    """Serves the page until Ctrl-C.

    Args:
        build: builds the page for one tab.
        started: called once the page can be opened.
    """
    shelf = Shelf()
    app = FastAPI(openapi_url=None)
    host = listening.getsockname()[0]
    if host in LOCAL:
        # a page elsewhere whose name is made to point here (DNS rebinding) is turned away
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOCAL, "[::1]"])
    app.get("/shelf/{name}")(shelf.answer)

    @ui.page("/", title="l2xbench explore", favicon="🔎")
    async def tab() -> None:
        await build(shelf)

    ui.run_with(app, show_welcome_message=False, tailwind=False, message_history_length=100, dark=None)

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started()

    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, ws_max_size=2**20)
    with warnings.catch_warnings():
        # NiceGUI looks for its server among all objects there are, and some of torch's are deprecated
        warnings.filterwarnings("ignore", category=FutureWarning, module="nicegui")
        Server(config).run(sockets=[listening])
