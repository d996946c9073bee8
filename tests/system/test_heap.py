"""Freed memory is kept and given back, as the kernel counts it, in fresh processes."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="concerns glibc's heap")

BEGIN = """
import resource, numpy as np
from l2xbench.system import heap
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def held(): return int(open('/proc/self/statm').read().split()[1]) >> 8  # MiB
"""
USE = """
np.ones(1 << 23)
before = faults()
for _ in range(5): np.ones(1 << 23)  # 64 MiB, 16384 pages
used = faults() - before
"""


def run(code: str, **variables: str) -> list[int]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run(
        [sys.executable, "-c", BEGIN + code],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


@glibc
def test_freed_memory_serves_the_next_array() -> None:
    plain = run(USE + "print(used)")
    kept = run("print(int(heap.keep_freed()))" + USE + "print(used)")
    assert plain[0] > 100
    assert kept[0] == 1
    assert kept[1] < plain[0] / 10


@glibc
def test_it_is_given_back() -> None:
    before, after = run("heap.keep_freed(); np.ones(1 << 23); print(held()); heap.give_back(); print(held())")
    assert before - after > 50


@glibc
def test_who_has_chosen_otherwise_is_left_alone() -> None:
    assert run("print(int(heap.keep_freed()))", MALLOC_ARENA_MAX="2") == [0]
