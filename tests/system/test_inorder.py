"""Work in threads comes back in order, not too far ahead, and fails at its place."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from l2xbench.system.inorder import in_order


def test_results_come_in_the_order_of_their_items() -> None:
    later_is_done = threading.Event()

    def first_comes_last(number: int) -> int:
        if number == 0:
            assert later_is_done.wait(10)
        later_is_done.set()
        return number**2

    assert list(in_order(first_comes_last, range(10), 3)) == [number**2 for number in range(10)]
    assert list(in_order(first_comes_last, [], 3)) == []


def test_several_are_at_work_at_a_time() -> None:
    together = threading.Barrier(3, timeout=10)
    assert len(list(in_order(lambda _: together.wait(), range(3), 3))) == 3


def test_it_does_not_run_ahead_of_who_takes() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            asked.append(number)
            yield number

    made = in_order(lambda number: number, items(), 2)
    assert next(made) == 0
    assert len(asked) == 4
    assert next(made) == 1
    assert len(asked) == 5


def test_an_error_comes_at_its_place() -> None:
    made = in_order(lambda number: 6 // number, [3, 2, 0, 1], 2)
    assert [next(made), next(made)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(made)
