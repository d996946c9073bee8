"""What a table says of an effective receptive field: the squares about its centre that hold given shares of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SHARES = (0.2, 0.3, 0.5, 0.99)
"""Those of RepLKNet's table and of the papers that followed it."""


class Square(NamedTuple):
    """The least square about the centre that holds more than a share of the field.

    Attributes:
        share: of the field's sum.
        side: in LR pixels, odd; None where no square about the centre holds so much.
        area: of the square, as a share of the field's; None likewise.
    """

    share: float
    side: int | None
    area: float | None

    @property
    def radius(self) -> int | None:
        """How many LR pixels the square reaches beyond its middle one, at each side."""
        return None if self.side is None else (self.side - 1) // 2


def squares_holding(field: np.ndarray, shares: Sequence[float] = SHARES, least: int = 0) -> list[Square]:
    """The least centred squares that hold more than each of some shares of a field.

    The centre is the pixel [h // 2, w // 2], and a square lies wholly within the field, as in RepLKNet's script
    (DingXiaoH/RepLKNet-pytorch, `erf/analyze_erf.py`): of a field of h x w, sides are odd and below min(h, w).

    Args:
        field: (h, w), not below 0.
        shares: of the field's sum, in (0, 1).
        least: radius of the first square that is tried: 0, or 1 as in that script.

    Examples:
        >>> import numpy as np
        >>> field = np.zeros((9, 9))
        >>> field[3:6, 3:6] = 1
        >>> field[4, 4] = 12
        >>> [(square.side, square.radius) for square in squares_holding(field, [0.5, 0.99])]
        [(1, 0), (3, 1)]
    """
    height, width = field.shape
    row, column = height // 2, width // 2
    radii = range(least, max(1, min(row, column, height - row, width - column)))
    total = field.sum()
    held = [field[row - r : row + r + 1, column - r : column + r + 1].sum() for r in radii]
    found = []
    for share in shares:
        radius = next((r for r, part in zip(radii, held, strict=True) if part > share * total), None)
        side = None if radius is None else 2 * radius + 1
        found.append(Square(share, side, None if side is None else side * side / (height * width)))
    return found


def as_replknet(field: np.ndarray) -> np.ndarray:
    """log10(field + 1) over its largest value, of which RepLKNet's script takes both table and figure."""
    scaled = np.log10(field + 1)
    largest = scaled.max()
    return np.asarray(scaled / largest if largest > 0 else scaled)


def as_mambair(field: np.ndarray) -> np.ndarray:
    """The fourth root of the field over its largest value: MambaIR's figure."""
    scaled = field**0.25
    largest = scaled.max()
    return np.asarray(scaled / largest if largest > 0 else scaled)
