"""The threads beside the one that runs the networks."""

from __future__ import annotations

import torch
from threadpoolctl import threadpool_limits


def work_alone() -> None:
    """From now on PyTorch works for this thread, and for no other, without a team of threads.

    OpenMP keeps a team for each thread that asks. Where they are more than the cores, GNU's puts them to sleep after
    every operation, also the team of the networks' thread, which then waits for it to wake: small operations take twice
    as long.
    """
    torch.get_num_threads()  # PyTorch sets a thread's number when it first asks for it, and would do so afterwards
    threadpool_limits(1, user_api="openmp")
