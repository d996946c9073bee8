"""Downloads against a server on loopback: whole, broken off, resumed, corrupted, missing, slow, absent."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from pathlib import Path

import pytest

from l2xbench.fetch.download import CONNECTIONS, Remote, fetch_file, fetch_files
from l2xbench.fetch.transfer import DownloadError
from tests.fetch.server import Server

DATA = os.urandom(300_000)
SHA = hashlib.sha256(DATA).hexdigest()


class Counter:
    """A progress that only counts."""

    def __init__(self) -> None:
        self.count = 0

    def start(self, what: str, size: int | None) -> None:
        pass

    def arrived(self, count: int) -> None:
        self.count += count


@pytest.fixture
def progress() -> Counter:
    return Counter()


def remote(server: Server, folder: Path, sha256: str = SHA, size: int | None = len(DATA)) -> Remote:
    server.files.setdefault("/x.bin", DATA)
    return Remote(f"{server.url}/x.bin", folder / "deep" / "x.bin", sha256, size)


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "deep").iterdir()) if (folder / "deep").is_dir() else []


@pytest.mark.parametrize("sha256", [SHA, SHA[:8]], ids=["hash", "beginning of a hash"])
@pytest.mark.parametrize("size", [len(DATA), None], ids=["size", "no size"])
def test_a_file_is_fetched_once(
    server: Server, tmp_path: Path, progress: Counter, sha256: str, size: int | None
) -> None:
    wanted = remote(server, tmp_path, sha256, size)
    assert fetch_file(wanted, progress)
    assert wanted.path.read_bytes() == DATA
    assert left_behind(tmp_path) == ["x.bin"]
    assert progress.count == len(DATA)
    assert not fetch_file(wanted, progress)
    assert len(server.asked) == 1


@pytest.mark.parametrize("sha256", [SHA, SHA[:8]], ids=["hash", "beginning of a hash"])
def test_a_broken_connection_is_gone_on_with(server: Server, tmp_path: Path, progress: Counter, sha256: str) -> None:
    server.cuts["/x.bin"] = [100_000, 100_000]
    wanted = remote(server, tmp_path, sha256, None)
    fetch_file(wanted, progress)
    assert wanted.path.read_bytes() == DATA
    first, second, third = (int((asked or "bytes=0-")[6:-1]) for _, asked in server.asked)
    assert first == 0
    assert 100_000 - 2**14 < second <= 100_000 < third < len(DATA)
    assert progress.count == len(DATA)
    assert left_behind(tmp_path) == ["x.bin"]


@pytest.mark.parametrize("sha256", [SHA, SHA[:8]], ids=["hash", "beginning of a hash"])
def test_the_next_command_goes_on_where_the_last_stopped(
    server: Server, tmp_path: Path, progress: Counter, sha256: str
) -> None:
    server.cuts["/x.bin"] = [100_000, 0, 0, 0]
    wanted = remote(server, tmp_path, sha256)
    with pytest.raises(DownloadError, match="broke; 98,304 bytes are kept"):
        fetch_file(wanted, progress)
    assert not wanted.path.exists()
    server.asked.clear()
    again = Counter()
    assert fetch_file(wanted, again)
    assert server.asked == [("/x.bin", "bytes=98304-")]
    assert wanted.path.read_bytes() == DATA
    assert again.count == len(DATA)


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path, progress: Counter) -> None:
    server.ranges = False
    server.cuts["/x.bin"] = [100_000]
    wanted = remote(server, tmp_path)
    fetch_file(wanted, progress)
    assert wanted.path.read_bytes() == DATA
    assert progress.count == len(DATA)


def test_a_part_of_an_older_version_costs_one_download_more(server: Server, tmp_path: Path, progress: Counter) -> None:
    newer = DATA[::-1]
    wanted = remote(server, tmp_path, sha256=hashlib.sha256(newer).hexdigest(), size=None)
    server.cuts["/x.bin"] = [100_000, 0, 0, 0]
    with pytest.raises(DownloadError):
        fetch_file(wanted, progress)
    server.files["/x.bin"] = newer
    fetch_file(wanted, progress)
    assert wanted.path.read_bytes() == newer


def test_a_part_that_is_wrong_costs_one_download_more(server: Server, tmp_path: Path, progress: Counter) -> None:
    wanted = remote(server, tmp_path)
    wanted.path.parent.mkdir()
    wanted.path.with_name("x.bin.partial").write_bytes(b"\0" * 1000)
    fetch_file(wanted, progress)
    assert wanted.path.read_bytes() == DATA
    assert [asked for _, asked in server.asked] == ["bytes=1000-", None]
    assert progress.count == len(DATA)


def test_a_part_that_is_whole_is_not_asked_for(server: Server, tmp_path: Path, progress: Counter) -> None:
    for size in (len(DATA), None):  # without a size, the server's 416 says it
        wanted = remote(server, tmp_path, size=size)
        wanted.path.parent.mkdir(exist_ok=True)
        wanted.path.with_name("x.bin.partial").write_bytes(DATA)
        assert fetch_file(wanted, progress)
        assert wanted.path.read_bytes() == DATA
        wanted.path.unlink()
    assert server.asked == [("/x.bin", f"bytes={len(DATA)}-")]


@pytest.mark.parametrize("sha256", ["0" * 64, "0" * 8], ids=["hash", "beginning of a hash"])
def test_a_corrupted_file_is_refused_and_removed(
    server: Server, tmp_path: Path, progress: Counter, sha256: str
) -> None:
    wanted = remote(server, tmp_path, sha256)
    with pytest.raises(DownloadError, match=r"another SHA-256 than the published 0+; removed") as raised:
        fetch_file(wanted, progress)
    assert "\n" not in str(raised.value)
    assert left_behind(tmp_path) == []
    assert progress.count == 0


def test_a_corrupted_file_that_is_there_is_fetched_again(server: Server, tmp_path: Path, progress: Counter) -> None:
    wanted = remote(server, tmp_path)
    wanted.path.parent.mkdir()
    wanted.path.write_bytes(DATA[:-1] + b"!")
    assert fetch_file(wanted, progress)
    assert wanted.path.read_bytes() == DATA


def test_a_file_that_is_there_stays_until_it_can_be_replaced(server: Server, tmp_path: Path, progress: Counter) -> None:
    wanted = remote(server, tmp_path, sha256=SHA[:8], size=None)
    wanted.path.parent.mkdir()
    wanted.path.write_bytes(b"the user's own")
    del server.files["/x.bin"]
    with pytest.raises(DownloadError):
        fetch_file(wanted, progress)
    assert wanted.path.read_bytes() == b"the user's own"


def test_a_file_of_another_size_is_not_downloaded(server: Server, tmp_path: Path, progress: Counter) -> None:
    with pytest.raises(DownloadError, match="has 300,000 bytes, the published one 299,999"):
        fetch_file(remote(server, tmp_path, size=len(DATA) - 1), progress)
    server.declares_length = False
    with pytest.raises(DownloadError, match="sends more than 299,999"):
        fetch_file(remote(server, tmp_path, size=len(DATA) - 1), progress)


def test_a_missing_file_is_told_at_once(server: Server, tmp_path: Path, progress: Counter) -> None:
    wanted = Remote(f"{server.url}/absent.bin", tmp_path / "absent.bin", SHA)
    with pytest.raises(DownloadError, match=r"/absent\.bin: 127\.0\.0\.1:\d+ answered 404 Not Found$"):
        fetch_file(wanted, progress)
    assert len(server.asked) == 1


def test_a_busy_server_is_asked_again(server: Server, tmp_path: Path, progress: Counter) -> None:
    server.refusals["/x.bin"] = [503, 429]
    assert fetch_file(remote(server, tmp_path), progress)
    server.refusals["/x.bin"] = [503] * 9
    (tmp_path / "deep/x.bin").unlink()
    with pytest.raises(DownloadError, match="answered 503"):
        fetch_file(remote(server, tmp_path), progress)


def test_a_web_page_is_not_a_file(server: Server, tmp_path: Path, progress: Counter) -> None:
    server.content_type = "text/html; charset=utf-8"
    with pytest.raises(DownloadError, match="sent a web page"):
        fetch_file(remote(server, tmp_path, size=None), progress)


def test_a_server_that_sends_nothing_is_left(server: Server, tmp_path: Path, progress: Counter) -> None:
    server.delay = 5
    with pytest.raises(DownloadError, match="sent nothing for 0.3 s"):
        fetch_file(remote(server, tmp_path), progress)


def test_no_server_is_told_at_once(tmp_path: Path, progress: Counter) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(DownloadError, match=f"no connection to 127.0.0.1:{port}$") as raised:
        fetch_file(Remote(f"http://127.0.0.1:{port}/x.bin", tmp_path / "x.bin", SHA), progress)
    assert "\n" not in str(raised.value)


def test_a_disk_that_cannot_be_written(server: Server, tmp_path: Path, progress: Counter) -> None:
    (tmp_path / "deep").write_text("a file where the folder would be")
    with pytest.raises(DownloadError, match=r"deep/x\.bin: cannot be written \(") as raised:
        fetch_file(remote(server, tmp_path), progress)
    assert "\n" not in str(raised.value)
    assert server.asked == []


def test_several_at_once_and_the_first_failure_stops_the_rest(
    server: Server, tmp_path: Path, progress: Counter
) -> None:
    server.files = {f"/{n}": bytes([n]) * 1000 for n in range(20)}
    remotes = [
        Remote(f"{server.url}/{n}", tmp_path / "many" / str(n), hashlib.sha256(bytes([n]) * 1000).hexdigest(), 1000)
        for n in range(20)
    ]
    assert fetch_files(remotes, progress) == 20
    assert fetch_files(remotes, progress) == 0
    assert all(each.is_right() for each in remotes)
    for each in remotes:
        each.path.unlink()
    del server.files["/0"]
    server.stalls = {f"/{n}": [10] * 9 for n in range(20)}
    with pytest.raises(DownloadError, match="/0: .*404"):
        fetch_files(remotes, progress)
    asked = {path for path, _ in server.asked[20:]}
    assert len(asked) <= CONNECTIONS + 1, "whoever failed may take one more before all are stopped"
    assert not any(each.path.exists() for each in remotes)


def test_a_stopped_download_keeps_what_arrived(server: Server, tmp_path: Path) -> None:
    stop = threading.Event()
    wanted = remote(server, tmp_path)

    class Stops(Counter):
        def arrived(self, count: int) -> None:
            if count:
                stop.set()

    with pytest.raises(DownloadError, match="stopped"):
        fetch_file(wanted, Stops(), stop=stop)
    kept = wanted.path.with_name("x.bin.partial").read_bytes()
    assert 0 < len(kept) < len(DATA) and DATA.startswith(kept)
