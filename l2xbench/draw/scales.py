"""From a signed number to its place on a colour bar: in proportion, or by its logarithm, which shows small ones too.

The map of a small part of the SR image falls off by orders of magnitude with the distance from it. In proportion, all
that is far has no colour, however much of it there is.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from matplotlib.colors import FuncNorm, Normalize
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from l2xbench.draw import style
from l2xbench.errors import RequestError

Scale = Literal["auto", "linear", "symlog"]
SCALES: tuple[Scale, ...] = ("auto", "linear", "symlog")
DECADES = 3
"""Powers of ten between the limit and where `symlog` becomes linear; that rest has the length of one more. Chosen by
looking at the maps of networks that look far and of ones that do not, side by side: at a root of the values, the far
ones stay pale, and more decades colour what is a millionth of a map."""
_APART_PT = 2.0
"""Between numbers at a bar."""
SAID = {"linear": "", "symlog": "; symmetric log scale"}
"""What is added to the unit at a colour bar."""


def chosen(name: str, source: str = "scale") -> Scale:
    """The scale of a name.

    Raises:
        RequestError: there is none of that name; told by `source`.
    """
    for scale in SCALES:
        if scale == name:
            return scale
    raise RequestError(f"{source}: {name!r} is not one of {', '.join(SCALES)}")


def resolved(scale: Scale, target: str) -> Literal["linear", "symlog"]:
    """What `auto` is for a target: `linear` for the whole image, whose map is everywhere, `symlog` for a part of it."""
    if scale != "auto":
        return scale
    return "linear" if target == "image" else "symlog"


def norm(limit: float, scale: str) -> Normalize:
    """Matplotlib's: numbers from -limit to limit as places 0 to 1, what lies beyond outside these."""
    if scale == "linear":
        return Normalize(-limit, limit)

    def forward(values: ArrayLike) -> NDArray[np.float64]:
        return _place(np.asarray(values, dtype=np.float64) / limit)

    def inverse(places: ArrayLike) -> NDArray[np.float64]:
        return limit * _share(np.asarray(places, dtype=np.float64))

    return FuncNorm((forward, inverse), vmin=-limit, vmax=limit)


def ticks(limit: float, scale: str, half: float, most: int = 6) -> list[float]:
    """The numbers that stand at a colour bar, ascending: for `symlog` its ends, 0 and the powers of ten that have room.

    Args:
        limit: of the bar, on either side.
        scale: `linear` or `symlog`.
        half: half the bar's length, in points.
        most: parts that a linear bar is divided into at most.

    Examples:
        >>> ticks(3.7, "symlog", 110)
        [-3.7, -1.0, -0.1, -0.01, 0.0, 0.01, 0.1, 1.0, 3.7]
        >>> ticks(0.35, "linear", 110)
        [-0.3, -0.15, 0.0, 0.15, 0.3]
    """
    if scale == "linear":
        even = MaxNLocator(most, symmetric=True).tick_values(-limit, limit)
        return [float(f"{tick:.6g}") for tick in even if abs(tick) <= limit * (1 + 1e-9)]
    found, start = [limit], half - _width(limit) / 2
    first = math.floor(math.log10(limit))
    for exponent in range(first, first - DECADES - 1, -1):
        tick = float(f"1e{exponent}")
        at, beside = half * float(_place(np.array(tick / limit))), _width(tick) / 2 + _APART_PT
        if _width(0) / 2 + beside <= at <= start - beside:
            found.append(tick)
            start = at - _width(tick) / 2
    return [*(-tick for tick in found), 0.0, *reversed(found)]


def _width(number: float) -> float:
    return style.text_width(signed(number), style.SMALL_PT)


def marks(limit: float, scale: str) -> list[float]:
    """Where a colour bar has a mark without a number: every power of ten of `symlog`, on either side.

    Examples:
        >>> marks(3.7, "symlog"), marks(3.7, "linear")
        ([-1.0, -0.1, -0.01, 0.01, 0.1, 1.0], [])
    """
    first = math.floor(math.log10(limit))
    found = [float(f"1e{exponent}") for exponent in range(first, first - DECADES, -1)] if scale == "symlog" else []
    return [*(-mark for mark in found), *reversed(found)]


def signed(value: float, _position: int | None = None) -> str:
    """A number at a colour bar, with its sign.

    Examples:
        >>> signed(0.01), signed(-2e-05), signed(0)
        ('+0.01', '−2e−05', '0')
    """
    if value == 0:
        return "0"
    plain = 1e-3 <= abs(value) < 1e5
    return (f"{value:+,.6g}" if plain else f"{value:+.3g}").replace("-", "−")


def _place(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """-1 to 1, from values as shares of the limit."""
    size = np.abs(shares) * 10**DECADES
    place = np.where(size <= 1, size, 1 + np.log10(np.maximum(size, 1)))
    return np.asarray(np.sign(shares) * place / (1 + DECADES))


def _share(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """What `_place` was given."""
    place = np.abs(places) * (1 + DECADES)
    size = np.where(place <= 1, place, 10.0 ** (np.maximum(place, 1) - 1))
    return np.asarray(np.sign(places) * size / 10**DECADES)
