"""What each block of a network brings to a map, and its own part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import nn

from l2xbench.attribution.flow import AROUND, Flow, flow
from l2xbench.data.images import to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.studies.flow.groups import grouped
from l2xbench.studies.shared.inference import device_of
from l2xbench.studies.shared.maps import MapRequest

MOST = 24
"""More blocks than this are shown in groups of neighbours."""


@dataclass(frozen=True)
class Strip:
    """A network's blocks, or groups of them, from input to output.

    Attributes:
        groups: name -> its blocks.
        written: name -> the part of the objective's difference that it has written; with `around` they sum to 1.
        around: what passes by all blocks.
    """

    groups: Mapping[str, Sequence[str]]
    written: Mapping[str, float]
    around: float


def strip_of(network: nn.Module, pair: LoadedPair, request: MapRequest) -> Strip:
    """The blocks of a network and what each has written of a map's difference.

    Raises:
        AttributionError: it has no repeated parts.
    """
    found = _flow(network, pair, request, None)
    written = {block.name: block.written for block in found.blocks}
    groups = grouped(list(written), MOST)
    return Strip(groups, {name: sum(written[each] for each in names) for name, names in groups.items()}, found.around)


def map_of(network: nn.Module, pair: LoadedPair, request: MapRequest, group: str, blocks: Sequence[str]) -> np.ndarray:
    """The part of the map (3, h, w) that these blocks have written; of the group `around`, what passes by all."""
    found = _flow(network, pair, request, {} if group == AROUND else {group: blocks})
    return np.asarray(found.maps[group].cpu().numpy())


def _flow(
    network: nn.Module, pair: LoadedPair, request: MapRequest, groups: Mapping[str, Sequence[str]] | None
) -> Flow:
    lr = to_tensor(pair.lr).to(device_of(network))
    return flow(network, lr, reference=request.reference, target=request.target, groups=groups)
