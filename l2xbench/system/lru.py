"""The values that were asked for last, within a limit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Key = TypeVar("Key")
Value = TypeVar("Value")


class RecentlyUsed(Generic[Key, Value]):
    """A store of limited size, from which the value that was asked for least recently goes first.

    It is for one thread at a time.

        >>> squares = RecentlyUsed(2)
        >>> [squares.get(n, lambda: n * n) for n in (1, 2, 1, 3)]
        [1, 4, 1, 9]
        >>> 1 in squares, 2 in squares
        (True, False)
    """

    def __init__(self, limit: int, size: Callable[[Value], int] = lambda value: 1) -> None:
        """For values whose sizes add up to at most `limit`; the newest stays even if it alone is larger.

        Args:
            limit: by default a number of values.
            size: what a value takes of the limit.
        """
        self.limit = limit
        self._size_of = size
        self._size = 0
        self._kept: OrderedDict[Key, Value] = OrderedDict()

    def get(self, key: Key, make: Callable[[], Value]) -> Value:
        """The value of `key`, made if it is not there."""
        if key not in self._kept:
            self._kept[key] = value = make()
            self._size += self._size_of(value)
        self._kept.move_to_end(key)
        while self._size > self.limit and len(self._kept) > 1:
            self._size -= self._size_of(self._kept.popitem(last=False)[1])
        return self._kept[key]

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __getitem__(self, key: Key) -> Value:
        return self._kept[key]
