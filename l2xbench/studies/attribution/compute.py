"""Attribution maps of each network's output: what the paper's Fig. 2 shows and all further studies start from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from weakref import WeakSet

from l2xbench.data.datasets import LoadedPair
from l2xbench.store.units import Arrays, Outcome, Value
from l2xbench.studies.shared.followed import require_followed
from l2xbench.studies.shared.maps import network_map
from l2xbench.zoo.network import Network

_followed: WeakSet[Network] = WeakSet()
"""The networks whose paired pass has been compared with a plain one, by this process."""


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
