"""Attribution maps of each network's output: what the paper's Fig. 2 shows and all further studies start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2xbench.data.datasets import LoadedPair
from l2xbench.store.units import Outcome, Value
from l2xbench.studies.shared.maps import network_map
from l2xbench.zoo.network import Network


def compute(network: Network | None, pair: LoadedPair, options: Mapping[str, Any]) -> Outcome:
    """Signed attribution of each LR value, (3, H, W), its reference, and how far it is from complete.

    `tile` is the side of the tiles that the network was run on, where memory was too small for the whole image.

    Raises:
        FloatingPointError: the map holds NaN or infinity.
    """
    assert network is not None
    found = network_map(network, pair.lr, options)
    values: dict[str, Value] = {
        "seconds": found.seconds,
        "delta": found.delta,
        "completeness_error": found.completeness_error,
    }
    if found.tile is not None:
        values["tile"] = found.tile
    return Outcome(values=values, arrays={"attribution": found.arrays})
