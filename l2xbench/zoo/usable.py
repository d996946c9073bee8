"""Whether studies can use a network: what they ask of it, tried on one small image."""

from __future__ import annotations

import torch
from torch import Tensor

from l2xbench.errors import RequestError, reason_of
from l2xbench.zoo.network import Network

SCALES = range(1, 9)
"""Those that a study can have."""


def require_usable(network: Network, lr: Tensor) -> Tensor:
    """The network's SR image of `lr`, if a study can use the network: it takes other sizes too, and several at a time.

    What each output must be, the network's own forward pass says (`Network.forward`): `run`, `explain` and `explore`
    meet the same line as this.

    Args:
        network: as built.
        lr: (1, 3, H, W) in [0, 1], on the network's device.

    Returns:
        (1, 3, scale H, scale W).

    Raises:
        RequestError: in one line, what the network raises and for which input, or what is wrong with its output.
    """
    if network.scale not in SCALES:
        raise RequestError(f"{network.name}: scale {network.scale}: studies have {SCALES[0]} to {SCALES[-1]}")
    whole = _passed(network, lr)
    height, width = lr.shape[-2:]
    smaller = lr[..., : height - min(3, height // 5), : width - min(6, width // 4)]
    _passed(network, smaller, "images have any size: if it needs sizes that are multiples of a number, say `multiple`")
    _passed(network, torch.cat([lr, lr.flip(-1)]), "studies run it on several images at a time")
    return whole


def _passed(network: Network, lr: Tensor, needed: str = "") -> Tensor:
    """One pass; what it raises in one line, with what is asked of it."""
    size = " x ".join(map(str, lr.shape))
    try:
        with torch.no_grad():
            output = network(lr)
            is_finite = bool(torch.isfinite(output).all())
    except RequestError as error:
        raise RequestError(f"{error}{f' ({needed})' if needed and 'multiple' not in str(error) else ''}") from error
    except (Exception, SystemExit) as error:  # a network may raise anything, or leave
        reason = reason_of(error)
        raise RequestError(
            f"{network.name}: for {size} the network raises {reason}{f'; {needed}' if needed else ''}"
        ) from (error if isinstance(error, Exception) else None)
    if not is_finite:
        raise RequestError(f"{network.name}: for {size} the output holds NaN or infinity")
    return output
