"""What the figure and the page plot: each order's mean loss by number of hidden pixels, with a band."""

from __future__ import annotations

from dataclasses import dataclass

from l2xbench.studies.context.curves import ContextCurve, Numbers, lead_over, named
from l2xbench.studies.context.units import DISTANCE
from l2xbench.studies.shared.intervals import image_interval, image_mean

BAND_NOTE = (
    "Bands: 95 % interval, over images, of a map's lead over the nearest pixels first (distance), laid around its line."
)
OWN_BAND_NOTE = "Bands: 95 % interval over images, of maps."


@dataclass(frozen=True)
class PlottedLoss:
    """One order's line; arrays are by number of hidden pixels."""

    label: str
    hidden: tuple[int, ...]
    mean: Numbers
    """dB, over patches and images."""
    low: Numbers
    high: Numbers


def plotted_losses(curves: list[ContextCurve], seed: int) -> list[PlottedLoss]:
    """The lines of one network, in their order.

    The band is that of the lead over `distance`, laid around the mean: how sure the distance between two lines is,
    which the spread of the images is not. Without that control it is the mean's own interval.

    Args:
        curves: of one dataset and network.
        seed: of the bootstrap.
    """
    nearest = named(curves, DISTANCE)
    found = []
    for curve in curves:
        mean = image_mean(curve.loss)
        low, high = image_interval(curve.loss, seed)
        lead = None if nearest is None else lead_over(curve, nearest, seed)
        if curve is nearest:
            low = high = mean
        elif lead is not None:
            low, high = mean - lead.by_count + lead.band
        found.append(PlottedLoss(curve.label, curve.hidden, mean, low, high))
    return found


def band_note(curves: list[ContextCurve]) -> str:
    """What the bands are."""
    return OWN_BAND_NOTE if named(curves, DISTANCE) is None else BAND_NOTE
