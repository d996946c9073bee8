"""PyTorch's threads: how long they wait for one another, and those beside the one that runs the networks.

OpenMP shares an operation out to a team of threads, and keeps a team for each thread that asks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

SPINS = "3000"
"""Looks for the next operation before a thread of a team goes to sleep: some 30 microseconds."""


def wait_briefly() -> None:
    """From now on, if PyTorch is not imported yet, its teams wait for work as briefly as pays, here and in children.

    Between two operations of a network a look is quicker than a wake-up. But GNU's OpenMP looks for 3 ms, and a map has
    many gaps shorter than that, in which figures could be drawn on the core (`python scripts/bench_waiting.py`).
    Whoever has said how to wait has decided otherwise, and is left alone.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & set(os.environ):
        os.environ["GOMP_SPINCOUNT"] = SPINS


def work_alone() -> None:
    """From now on PyTorch, if it has been imported, works for this thread, and for no other, without a team.

    Where teams have more threads than there are cores, GNU's OpenMP puts them to sleep after every operation, also the
    team of the networks' thread, whose small operations then take twice as long.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        return
    from threadpoolctl import threadpool_limits

    torch.get_num_threads()  # PyTorch sets a thread's number when it first asks for it, and would do so afterwards
    threadpool_limits(1, user_api="openmp")


@contextmanager
def exactly(count: int) -> Iterator[None]:
    """Within, PyTorch's and BLAS's operations of this thread, and of threads begun within, are shared among `count`.

    Sums that are shared out otherwise round otherwise, and PyTorch chooses other kernels for one thread than for
    several: what enters a table is computed with a number of threads that does not hang on the machine.
    """
    import torch

    before = torch.get_num_threads()
    with blas(count):
        torch.set_num_threads(count)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@contextmanager
def blas(count: int) -> Iterator[None]:
    """Within, NumPy's matrix products, of all threads, are shared among `count`; see `exactly`."""
    with _controller(len(sys.modules)).limit(limits=count, user_api="blas"):
        yield


@lru_cache(maxsize=1)
def _controller(modules: int) -> ThreadpoolController:
    """The libraries that have threads. To look for them takes milliseconds, and a library comes with a module."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def told(count: int) -> str:
    """`1 thread`, `2 threads`."""
    return f"{count} thread{'' if count == 1 else 's'}"
