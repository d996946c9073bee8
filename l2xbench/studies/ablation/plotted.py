"""What figures and page plot of the ablation, made once: means with their bands, and methods in a common order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from l2xbench.studies.ablation.curves import Curve, Numbers, gap, with_random
from l2xbench.studies.ablation.units import CONTROL, RANDOM

BAND_NOTE = (
    "Bands: 95 % interval, over images, of a curve's gap to random order, laid around the curve; "
    f"{RANDOM}: all its draws."
)
"""What the figure says of its bands."""


@dataclass(frozen=True)
class PlottedCurve:
    """A curve's means of one metric over the masked share, and a band around them; arrays are (ratios,).

    Attributes:
        curve: the curve itself.
        shares: masked, in per cent.
        mean: of the metric, over orders and images.
        low: lower end of the band.
        high: upper end of the band.
    """

    curve: Curve
    shares: Numbers
    mean: Numbers
    low: Numbers
    high: Numbers


def plotted_curves(curves: list[Curve], metric: str, seed: int) -> list[PlottedCurve]:
    """The curves as they are plotted, in their order.

    The band of random order holds all its draws; that of another order is the 95 % bootstrap interval, over images, of
    its gap to random order: how sure the distance between the two lines is, which the spread of the images is not.
    Bands of SSIM end at 0 and 1.

    Args:
        curves: with random order's among them.
        metric: `psnr` or `ssim`.
        seed: of the bootstrap.
    """
    plotted = []
    for curve, random in with_random(curves):
        mean = curve.mean(metric)
        low = high = mean
        if curve.method == RANDOM:
            orders = curve.by_order(metric)
            low, high = orders.min(axis=0), orders.max(axis=0)
        elif random is not None and (below := gap(curve, random, metric, seed)) is not None:
            high, low = mean + below.by_ratio - below.band
        if metric == "ssim":  # the gap's interval around a curve near an end would pass it
            low, high = np.maximum(low, np.minimum(0, mean)), np.minimum(high, np.maximum(1, mean))
        plotted.append(PlottedCurve(curve, 100 * np.array(curve.ratios), mean, low, high))
    return plotted


def method_numbers(methods: Iterable[str]) -> dict[str, int]:
    """Each method's number, which decides its colour and marker; random order and the control have looks of their own.

    Examples:
        >>> method_numbers(["random", "l2x", "difference", "lam"])
        {'l2x': 0, 'lam': 1}
    """
    own = (name for name in dict.fromkeys(methods) if name not in (RANDOM, CONTROL))
    return {name: number for number, name in enumerate(own)}
