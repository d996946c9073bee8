"""The numbers of one image and network."""

from __future__ import annotations

from l2xbench.data.datasets import LoadedPair
from l2xbench.data.images import to_image, to_tensor
from l2xbench.store.units import Outcome
from l2xbench.studies.shared.inference import device_of, super_resolve
from l2xbench.zoo.network import Network


def compute(network: Network, pair: LoadedPair, channel: str) -> Outcome:
    """By how many grey levels a channel's mean is higher in SR than in LR."""
    place = ("red", "green", "blue").index(channel)
    sr = to_image(super_resolve(network, to_tensor(pair.lr).to(device_of(network))))
    return Outcome(values={"brighter": float(sr[..., place].mean() - pair.lr[..., place].mean())})
