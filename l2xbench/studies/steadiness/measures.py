"""Infidelity and max-sensitivity of a map, from numbers alone.

C.-K. Yeh et al., On the (In)fidelity and Sensitivity of Explanations, NeurIPS 2019.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_GRADIENTS = ("gradient", "smoothgrad", "guided_backprop", "deconvnet")
"""Methods whose map is an explanation in Yeh's sense: it multiplies a perturbation."""


def predicted_changes(values: Numbers, difference: Numbers, image: Numbers, method: str) -> Numbers:
    """What a map says that the objective loses as each value becomes the reference: I Phi of the paper, value by value.

    With I = x - x' a gradient predicts I times itself; a map that is a multiplier times x - x' (L2X, integrated
    gradients, DeepLIFT, and all others) predicts itself; input times gradient predicts I / x times itself.

    Args:
        values: (C, H, W), the map.
        difference: (C, H, W), x - x'.
        image: (C, H, W), x.
        method: whose map it is.
    """
    if method in _GRADIENTS:
        return values * difference
    if method == "input_x_gradient":
        return values * np.divide(difference, image, out=np.zeros_like(difference), where=image != 0)
    return values


def infidelity(predicted: Numbers, changes: Numbers) -> float:
    """The mean squared error of predicted changes over perturbations, as a share of the changes' own mean square.

    The paper's E (I Phi - (f(x) - f(x - I)))^2, over E (f(x) - f(x - I))^2: 0 for a map that predicts each change, 1
    for a map of zeros.

    Args:
        predicted: (perturbations,), I Phi.
        changes: (perturbations,), f(x) - f(x - I).

    Returns:
        NaN where nothing changes.

    Examples:
        >>> infidelity(np.array([1.0, 2.0]), np.array([1.0, 3.0]))
        0.1
    """
    size = np.square(changes).mean()
    return float(np.square(predicted - changes).mean() / size) if size > 0 else float("nan")


def scaled_infidelity(predicted: Numbers, changes: Numbers) -> float:
    """Infidelity of the map times the factor that makes it least: whether the map is right but for its scale.

    Examples:
        >>> scaled_infidelity(np.array([1.0, 2.0]), np.array([3.0, 6.0]))
        0.0
    """
    size = np.square(predicted).mean()
    factor = (predicted * changes).mean() / size if size > 0 else 0.0
    return infidelity(factor * predicted, changes)


def max_sensitivity(values: Numbers, others: Iterable[Numbers]) -> float:
    """The largest distance of maps of images near by from the image's map, as a share of that map's length.

    The paper's max |Phi(y) - Phi(x)| over samples y, over |Phi(x)|, in the Euclidean norm.

    Returns:
        NaN where the image's map is 0 everywhere.

    Examples:
        >>> max_sensitivity(np.array([3.0, 4.0]), [np.array([3.0, 4.0]), np.array([3.0, 3.0])])
        0.2
    """
    length = np.linalg.norm(values)
    farthest = max(float(np.linalg.norm(other - values)) for other in others)
    return float(farthest / length) if length > 0 else float("nan")
