"""What is queued is written, and what writing raises is not lost."""

from __future__ import annotations

import threading

import pytest

from l2xbench.store.writer import Writer


def test_flush_waits_for_all() -> None:
    writer, done = Writer(), []
    for number in range(100):
        writer.put(lambda number=number: done.append(number))  # type: ignore[misc]
    writer.flush()
    assert sorted(done) == list(range(100))
    writer.close()


def test_what_writing_raises_comes_with_the_next_call_and_stops_the_rest() -> None:
    writer, begun = Writer(), threading.Event()

    def fail() -> None:
        begun.set()
        raise OSError("the disk is full")

    writer.put(fail)
    with pytest.raises(OSError, match="the disk is full"):
        writer.flush()
    with pytest.raises(OSError, match="the disk is full"):
        writer.put(lambda: None)
    assert begun.is_set()
    writer.close()
