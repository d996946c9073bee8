"""PyTorch's threads: how long they wait for one another, and those beside the one that runs the networks.

OpenMP shares an operation out to a team of threads, and keeps a team for each thread that asks.
"""

from __future__ import annotations

import os

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
    """From now on PyTorch works for this thread, and for no other, without a team.

    Where teams have more threads than there are cores, GNU's OpenMP puts them to sleep after every operation, also the
    team of the networks' thread, whose small operations then take twice as long.
    """
    import torch
    from threadpoolctl import threadpool_limits

    torch.get_num_threads()  # PyTorch sets a thread's number when it first asks for it, and would do so afterwards
    threadpool_limits(1, user_api="openmp")
