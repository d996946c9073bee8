"""Attribution maps of each network's output: what the paper's Fig. 2 shows and all further studies start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

import numpy as np

from l2xbench.attribution.references import make_reference
from l2xbench.attribution.verification import require_plain_outputs
from l2xbench.data.datasets import LoadedPair
from l2xbench.data.images import to_tensor
from l2xbench.store.units import Arrays, Outcome, Value
from l2xbench.studies.shared.inference import device_of
from l2xbench.studies.shared.maps import network_map
from l2xbench.system import memory
from l2xbench.zoo.network import Network

_followed: WeakSet[Network] = WeakSet()
"""The networks whose paired pass has been compared with a plain one, by this process."""
SIDE = 64
"""The side in LR pixels of the middle of an image that is compared."""


def require_followed(network: Network, lr: np.ndarray) -> None:
    """Compare the paired pass of a network's first image (its middle) with plain ones, if memory suffices.

    Raises:
        AttributionError: they differ, or the network cannot be explained.
    """
    top, left = (max(0, length - SIDE) // 2 for length in lr.shape[:2])
    middle = to_tensor(lr[top : top + SIDE, left : left + SIDE]).to(device_of(network))
    try:
        require_plain_outputs(network, middle, make_reference("blur", middle))
    except Exception as error:
        if not memory.has_run_out(error):  # then the map itself is made in tiles, and compared nowhere
            raise


def compute(
    network: Network | None, pair: LoadedPair, options: Mapping[str, Any], given: Arrays | None = None
) -> Outcome:
    """Signed attribution of each LR value, (3, H, W), its reference, and how far it is from complete.

    `jump` is what another route of the reference's would change, `gap` how far single outputs are from the network's
    own precision (see `Attribution`), each where there is one. `tile` is the side of the tiles that the network was
    run on, where memory was too small for the whole image.

    Raises:
        FloatingPointError: the map holds NaN or infinity.
        AttributionError: the network cannot be explained, or the engine does not follow it.
    """
    assert network is not None
    if options.get("method", "l2x") == "l2x" and network not in _followed:
        require_followed(network, pair.lr)
        _followed.add(network)
    found = network_map(network, pair.lr, options, hr=pair.hr, others=(given or {}).values())
    values: dict[str, Value] = {
        "seconds": found.seconds,
        "delta": found.delta,
        "completeness_error": found.completeness_error,
    }
    if found.jump:
        values["jump"] = found.jump
    if found.gap is not None:
        values["gap"] = found.gap
    if found.tile is not None:
        values["tile"] = found.tile
    return Outcome(values=values, arrays={"attribution": found.arrays})
