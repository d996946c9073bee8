"""From signed attribution to colour: the shared limit, the palettes, and the map over the greyed LR image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import Colormap, LinearSegmentedColormap
from numpy.typing import NDArray

from l2xbench.data.colour import luma
from l2xbench.draw import scales
from l2xbench.errors import RequestError

# For each palette and sign: the colour at half the limit, at the limit, and beyond it (what was clipped stays
# visible). The two arms of a palette have like lightness, so neither sign looks stronger than it is.
_ARMS = {
    "green-red": (("#5cc06a", "#00802b", "#003d14"), ("#f48a7c", "#d11a1a", "#6b0000")),
    "blue-orange": (("#62a6dd", "#0059b3", "#002a5c"), ("#f7a35c", "#cc5200", "#662900")),
}
PALETTES = tuple(_ARMS)

# How dark the greyed LR image may be under the map: 0 is white, 1 the image itself.
BACKDROP = 0.38

# The limit leaves this share of the |attribution| beyond it.
_CLIPPED_SHARE = 0.10


def signed_map(values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Attribution of each LR pixel, (H, W), from that of each element, (C, H, W): the sum over the channels.

    Signs are kept, and so is completeness (Eq. 1 of the paper): the pixels still add up to the objective's
    difference. A map that is already (H, W) is taken as it is.
    """
    exact = np.asarray(values).astype(np.float64)
    if exact.ndim == 3:
        return np.asarray(exact.sum(axis=0, dtype=np.float64))
    if exact.ndim == 2:
        return exact
    raise ValueError(f"an attribution map is (C, H, W) or (H, W), not {values.shape}")


def shared_limit(maps: Sequence[NDArray[np.float64]]) -> float:
    """The limit of a symmetric colour scale for several maps together, rounded up to two digits.

    It is the value at which a tenth of the maps' total |attribution| lies in pixels beyond it. A percentile
    weighted by |attribution| ignores the zeros around a small target's receptive field, which an ordinary
    percentile would count, and a few extreme pixels, which a maximum would follow. Maps without a finite
    value other than 0 give 1.
    """
    size = np.sort(np.concatenate([np.abs(one[np.isfinite(one)]).ravel() for one in maps]))
    if size.size == 0 or size[-1] == 0:
        return 1.0
    below = np.cumsum(size / size[-1])
    limit = float(size[np.searchsorted(below, (1 - _CLIPPED_SHARE) * below[-1])])
    step = 10.0 ** (np.floor(np.log10(limit)) - 1)
    return float(f"{np.ceil(round(limit / step, 6)) * step:.6g}")


def colour_map(palette: str) -> Colormap:
    """White at 0, the palette's first colour for positive, its second for negative, darker when clipped.

    Raises:
        RequestError: no palette of that name.
    """
    if palette not in _ARMS:
        raise RequestError(f"palette: {palette!r} is not one of {', '.join(PALETTES)}")
    (half_up, full_up, over), (half_down, full_down, under) = _ARMS[palette]
    colours = LinearSegmentedColormap.from_list(palette, [full_down, half_down, "#ffffff", half_up, full_up], N=513)
    return colours.with_extremes(over=over, under=under, bad="#ffffff")


def palette_table(palette: str) -> NDArray[np.uint8]:
    """(N + 2, 3): the colours from -limit to limit, then what lies below and what lies above.

    Raises:
        RequestError: no palette of that name.
    """
    colours = colour_map(palette)
    rows = colours(np.concatenate([np.arange(colours.N), [-1, colours.N]]))
    return np.asarray(np.rint(255 * rows[:, :3]), dtype=np.uint8)


def over_image(
    values: NDArray[np.float64], image: NDArray[np.uint8], limit: float, palette: str, scale: str = "linear"
) -> NDArray[np.uint8]:
    """Draw a signed map over the image it explains, greyed and faded.

    Args:
        values: (H, W); NaN is drawn as nothing.
        image: (H, W, 3), 0 to 255.
        limit: the value of the full colour, as `shared_limit` gives it.
        palette: one of `PALETTES`.
        scale: `linear`, or `symlog`: see `draw.scales`.

    Returns:
        (H, W, 3), 0 to 255. On white the colour is the colour bar's own; the image shows through in
        proportion to the white in it, so that a full colour is the bar's wherever it lies.
    """
    colour = colour_map(palette)(scales.norm(limit, scale)(np.ma.masked_invalid(values)))[..., :3]
    backdrop = 1 - BACKDROP * (1 - luma(image) / 255)
    white = colour.min(axis=-1, keepdims=True)
    return np.asarray(np.rint(255 * np.clip(colour - white * (1 - backdrop[..., None]), 0, 1)), dtype=np.uint8)
