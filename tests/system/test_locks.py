"""A folder is one process's at a time, and a process that is gone is never in the way."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from l2xbench.errors import RequestError
from l2xbench.store.lock import run_lock
from l2xbench.system import locks
from l2xbench.system.locks import NOTE, Holder, IsHeld, hold_folder, holder_of

HOLD = """
import sys
from pathlib import Path
from l2xbench.system.locks import hold_folder
if len(sys.argv) > 2:
    import errno, fcntl
    def refuse(*_):
        raise OSError(int(sys.argv[2]), "no locks here")
    fcntl.flock = refuse
with hold_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def start(folder: Path, *without_locks: str) -> subprocess.Popen[str]:
    """A process that holds `folder` until it is told to end."""
    command = [sys.executable, "-c", HOLD, str(folder), *without_locks]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(tmp_path)
    yield process
    process.kill()
    process.communicate()


def test_a_second_process_is_told_who_holds_it(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    holder = holder_of(tmp_path)
    assert holder is not None and holder.pid == other.pid and holder.command.startswith("l2xbench ")
    assert str(holder).startswith(f"process {other.pid} on {holder.host} since 20")
    with pytest.raises(IsHeld, match=f"^process {other.pid} on .*[)]$"), hold_folder(tmp_path):
        pass
    told = f"{tmp_path}: another run is at work here: process {other.pid} on .*--out"
    with pytest.raises(RequestError, match=told), run_lock(tmp_path):
        pass


def test_a_killed_holder_is_not_in_the_way(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.send_signal(signal.SIGKILL)
    other.wait()
    assert (tmp_path / NOTE).exists(), "it could not take its note with it"
    assert holder_of(tmp_path) is None
    with hold_folder(tmp_path):
        holder = holder_of(tmp_path)
        assert holder is not None and holder.pid == os.getpid()


def test_one_that_ends_leaves_nobody(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    other.communicate("")
    assert holder_of(tmp_path) is None and not (tmp_path / NOTE).exists()


def test_a_holder_without_a_note(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    for damage in ("", "{}", "[1]", None):
        if damage is None:
            (tmp_path / NOTE).unlink()
        else:
            (tmp_path / NOTE).write_text(damage)
        with pytest.raises(IsHeld, match="it has not said which"), hold_folder(tmp_path):
            pass


def test_whoever_waits_is_told_once_and_then_has_it(tmp_path: Path, other: subprocess.Popen[str]) -> None:
    told: list[Holder | None] = []

    def waiting(holder: Holder | None) -> None:
        told.append(holder)
        other.communicate("")

    with hold_folder(tmp_path, waiting=waiting):
        assert [holder is not None and holder.pid for holder in told] == [other.pid]


def test_who_only_looks_makes_nothing(tmp_path: Path) -> None:
    assert holder_of(tmp_path / "nowhere") is None
    assert holder_of(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks(tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    warnings.simplefilter("ignore")  # the library says that it goes without
    holder = start(tmp_path, str(code))
    with pytest.raises(IsHeld, match=f"^process {holder.pid} on "), hold_folder(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with hold_folder(tmp_path):
        pass
    with hold_folder(tmp_path):
        pass


def test_a_holder_on_another_machine_cannot_be_seen_to_be_gone(tmp_path: Path) -> None:
    (tmp_path / locks.SOFT_LOCK).touch()
    there = Holder(1, "elsewhere", "2026-01-01T00:00:00+00:00", "l2xbench run")
    assert str(IsHeld(tmp_path, there)).endswith(f"(if that process is gone, remove {tmp_path / locks.SOFT_LOCK})")


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RequestError, match="file/results: cannot be written"), run_lock(tmp_path / "file/results"):
        pass
