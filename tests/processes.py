"""The command in processes of its own that start at once: they are forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preload"])


class Program:
    """A running command."""

    def __init__(self, process: BaseProcess, output: Path) -> None:
        self.process = process
        self._output = output

    @property
    def output(self) -> str:
        """What it has printed so far, errors too."""
        return self._output.read_text()

    def wait(self, seconds: float = 120) -> int:
        """Its exit code, -9 if it was killed."""
        self.process.join(seconds)
        assert self.process.exitcode is not None, f"still running after {seconds} s: {self.output}"
        return self.process.exitcode

    def wait_until(self, happened: Callable[[], object], seconds: float = 120) -> None:
        """Returns as soon as something has happened, or the program has ended."""
        deadline = time.monotonic() + seconds
        while not happened() and self.process.is_alive():
            assert time.monotonic() < deadline, f"in vain: {self.output}"
            self.process.join(0.002)

    def interrupt(self) -> None:
        """Ctrl-C."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """SIGKILL."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()


def start(output: Path, *arguments: object, setup: Callable[[], None] | None = None) -> Program:
    """Starts `l2xbench ARGUMENTS`, which prints into the file `output`; `setup` runs first, in the new process."""
    process = _CONTEXT.Process(target=_main, args=(str(output), [str(a) for a in arguments], setup))
    process.start()
    return Program(process, output)


def _main(output: str, arguments: list[str], setup: Callable[[], None] | None) -> None:
    descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["COLUMNS"] = "160"
    if setup is not None:
        setup()
    from l2xbench import cli

    sys.argv = ["l2xbench", *arguments]
    cli.main()
