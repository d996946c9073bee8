"""Few groups of many blocks, for maps and figures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby


def grouped(names: Sequence[str], most: int) -> dict[str, list[str]]:
    """Neighbouring blocks in at most so many groups: those that one part of the network holds, or equal numbers.

    Args:
        names: of the blocks, in the order in which they run.
        most: at least 1.

    Returns:
        a group's name -> its blocks.

    Examples:
        >>> grouped(["body.0.a.0", "body.0.a.1", "body.1.a.0", "body.1.a.1"], 2)
        {'body.0.a.0 to 1': ['body.0.a.0', 'body.0.a.1'], 'body.1.a.0 to 1': ['body.1.a.0', 'body.1.a.1']}
        >>> list(grouped(["b1", "b2", "b3"], 2))
        ['b1 to b2', 'b3']
    """
    if len(names) <= most:
        return {name: [name] for name in names}
    depth = min(name.count(".") for name in names)
    for kept in range(depth, 0, -1):
        found = [list(each) for _, each in groupby(names, key=lambda name: name.split(".")[:kept])]
        if 1 < len(found) <= most:
            return {named(group): group for group in found}
    size = -(-len(names) // most)
    found = [list(names[start : start + size]) for start in range(0, len(names), size)]
    return {named(group): group for group in found}


def named(group: Sequence[str]) -> str:
    """What a group is called: its first block, and where the last one's name begins to differ."""
    if len(group) == 1:
        return group[0]
    first, last = group[0].split("."), group[-1].split(".")
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), 0)
    return f"{group[0]} to {'.'.join(last[same:])}"
