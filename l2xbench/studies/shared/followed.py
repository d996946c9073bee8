"""Whether what is explained of a network is what it gives: its paired pass is compared with plain ones."""

from __future__ import annotations

import numpy as np

from l2xbench.attribution.references import make_reference
from l2xbench.attribution.verification import require_plain_outputs
from l2xbench.data.images import to_tensor
from l2xbench.studies.shared.inference import device_of
from l2xbench.system import memory
from l2xbench.zoo.network import Network

SIDE = 64
"""The side in LR pixels of the middle of an image that is compared."""


def require_followed(network: Network, lr: np.ndarray, reference: str = "blur") -> None:
    """Compare the paired pass of a network and an image (its middle) with plain ones, if memory suffices.

    Args:
        network: on any device.
        lr: (H, W, 3) uint8.
        reference: as `explain` takes it, made of that middle.

    Raises:
        AttributionError: they differ, or the network cannot be explained.
    """
    top, left = (max(0, length - SIDE) // 2 for length in lr.shape[:2])
    middle = to_tensor(lr[top : top + SIDE, left : left + SIDE]).to(device_of(network))
    try:
        require_plain_outputs(network, middle, make_reference(reference, middle))
    except Exception as error:
        if not memory.has_run_out(error):  # then the map itself is made in tiles, and compared nowhere
            raise
