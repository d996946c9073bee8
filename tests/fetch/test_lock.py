"""One process at a time fetches into a cache folder."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from l2xbench.fetch.lock import fetch_lock
from l2xbench.system.locks import Holder


def test_a_second_process_waits_and_says_for_whom(home: Path) -> None:
    told: list[Holder | None] = []
    waited, entered = threading.Event(), threading.Event()

    def waiting(holder: Holder | None) -> None:
        told.append(holder)
        waited.set()

    def second() -> None:
        with fetch_lock(waiting):
            entered.set()

    with fetch_lock(lambda _: None):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(10)
        assert not entered.is_set()
        assert told[0] is not None and told[0].pid == os.getpid()
    thread.join(10)
    assert entered.is_set()
