"""The server's port and its shelf of pictures."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip("nicegui", reason="needs the extra: pip install -e '.[explore]'")

from fastapi import HTTPException

from l2xbench.errors import RequestError
from l2xbench.explore import server
from l2xbench.explore.server import Shelf, address, listen


def test_a_port_that_is_taken_is_told_and_by_default_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        assert address(first) == f"http://127.0.0.1:{port}"
        with pytest.raises(RequestError, match=f"--port {port}: is taken"):
            listen("127.0.0.1", port)
        monkeypatch.setattr(server, "PORT", port)
        with listen("127.0.0.1", None) as second:
            assert port < second.getsockname()[1] < port + 20
        monkeypatch.setattr(server, "_TRIES", 1)
        with pytest.raises(RequestError, match="are all taken"):
            listen("127.0.0.1", None)


@pytest.mark.parametrize("host", ["203.0.113.1", "no.such.host.invalid"])
def test_a_host_that_is_not_here_is_told(host: str) -> None:
    with pytest.raises(RequestError, match=f"--host {host}: is not an address of this machine"):
        listen(host, None)


def test_an_address_for_all_names_the_machine() -> None:
    with listen("0.0.0.0", 0) as opened:
        assert address(opened).startswith(f"http://{socket.gethostname()}:")


def test_the_shelf_keeps_the_newest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_KEPT_BYTES", 10)
    shelf = Shelf()
    first, second = shelf.put(b"123456", "png"), shelf.put(b"1234", "f32")
    assert shelf.put(b"123456", "png") == first
    assert shelf.answer(first.removeprefix("/shelf/")).media_type == "image/png"
    third = shelf.put(b"abc", "png")
    with pytest.raises(HTTPException):
        shelf.answer(second.removeprefix("/shelf/"))
    assert shelf.answer(third.removeprefix("/shelf/")).body == b"abc"
    with pytest.raises(HTTPException):
        shelf.answer("../secret")
