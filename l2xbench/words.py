"""What images are called: a network that restores without enlarging has no low and no super resolution."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """The names of what goes into a network, of what comes out, and of what should have."""

    lr: str
    sr: str
    hr: str
    the_lr: str
    """What goes in, where a sentence speaks of it without a noun that follows."""
    restore: str
    """What a network does to an image."""


def words(scale: int) -> Words:
    """The names at a scale.

    Examples:
        >>> words(4).sr, words(1).sr
        ('SR', 'output')
    """
    if scale == 1:
        return Words("input", "output", "target", the_lr="the input", restore="restore")
    return Words("LR", "SR", "HR", the_lr="LR", restore="super-resolve")
