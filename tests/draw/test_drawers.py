"""Processes that draw give what this one would, and end with it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from l2xbench.draw import drawers
from l2xbench.draw.heatmaps import heatmap_bytes
from tests.draw.panels import panel


def test_a_process_of_its_own_draws_the_same() -> None:
    draw = partial(heatmap_bytes, panel(), "green-red")
    with closing(drawers.Drawers()) as processes:
        assert processes.submit(draw).result() == draw()


KILLED = """
import os, signal
from l2xbench.draw.drawers import Drawers
if __name__ == "__main__":
    drawers = Drawers()
    drawers.start()
    print(*drawers._pool._processes, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_draws_ends_with_the_one_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "killed.py").write_text(KILLED)
    done = subprocess.run([sys.executable, tmp_path / "killed.py"], capture_output=True, text=True, check=False)
    (drawer,) = done.stdout.split()
    with suppress(ProcessLookupError):  # it has ended already
        ended = os.pidfd_open(int(drawer))  # readable once the process has ended, whoever its parent is
        with os.fdopen(ended, "rb"):
            assert select.select([ended], [], [], 60)[0], "it waits for a process that is gone"
