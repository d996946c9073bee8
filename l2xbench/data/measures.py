"""How papers measure: super-resolution on the Y channel inside a border, restoration on RGB and the whole image."""

from __future__ import annotations

from typing import Literal, NamedTuple


class Measure(NamedTuple):
    """Which values of an image PSNR and SSIM are over."""

    colour: Literal["y", "rgb"]
    border: int
    """HR pixels left out at each side."""


def usual_measure(scale: int) -> Measure:
    """What papers take at a scale.

    Examples:
        >>> usual_measure(4)
        Measure(colour='y', border=4)
        >>> usual_measure(1)
        Measure(colour='rgb', border=0)
    """
    return Measure("rgb", 0) if scale == 1 else Measure("y", scale)
