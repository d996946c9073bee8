"""What pictures are called: a network that restores without enlarging has no low and no super resolution."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The names of what goes into a network, of what comes out, and of what should have."""

    lr: str
    sr: str
    hr: str


def words(scale: int) -> Words:
    """The names at a scale.

    Examples:
        >>> words(4).sr, words(1).sr
        ('SR', 'output')
    """
    return Words("input", "output", "target") if scale == 1 else Words("LR", "SR", "HR")
