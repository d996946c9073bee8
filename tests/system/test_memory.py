"""What is free, what was held, and what it looks like when memory has run out."""

from __future__ import annotations

import os

import pytest
import torch

from l2xbench.system import cores, memory


def test_what_out_of_memory_looks_like() -> None:
    with pytest.raises(RuntimeError) as raised:
        torch.empty(2**48)
    assert memory.has_run_out(raised.value)
    assert memory.has_run_out(MemoryError())
    assert memory.has_run_out(torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"))
    assert not memory.has_run_out(RuntimeError("shape mismatch"))
    assert not memory.has_run_out(ValueError("out of memory"))


def test_what_is_held_and_free() -> None:
    before = memory.peak()
    held = torch.ones(2**26)
    assert memory.peak() >= before, held.shape
    assert 2**27 < memory.peak() < 2**45
    assert 0 < memory.free() < 2**62


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs a scheduler that can be told")
def test_cores_are_those_that_the_process_may_use() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert cores.count() == 1
    finally:
        os.sched_setaffinity(0, before)
    assert 1 <= cores.count() <= len(before)
