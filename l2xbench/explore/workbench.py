"""The networks, kept loaded, and the one thread that runs them: each SR image once, maps one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import numpy as np
from torch import Tensor, nn

from l2xbench.attribution.spread import diffusion_index
from l2xbench.data.pairs import LoadedPair
from l2xbench.explore.blocks import Strip, map_of, strip_of
from l2xbench.studies.shared.maps import (
    MapRequest,
    NetworkImage,
    NetworkMap,
    errors_in_one_line,
    network_image,
    network_map,
)
from l2xbench.system.lru import RecentlyUsed
from l2xbench.zoo.network import Network

P = ParamSpec("P")
T = TypeVar("T")

_PICTURES_KEPT = 32
_MAPS_KEPT = 64
_STRIPS_KEPT = 64


class Stopped(BaseException):
    """The answer is no longer wanted. No `Exception`: methods turn those into errors of their own."""


@dataclass(frozen=True)
class Answer:
    """A map, what was asked for it, and what is said of it on the page.

    Attributes:
        request: what was asked.
        found: the map and its own numbers.
        positive: share of the sum of |values| that is positive, the values of a pixel's channels summed.
        diffusion: LAM's diffusion index, 0 to 100.
    """

    request: MapRequest
    found: NetworkMap
    positive: float
    diffusion: float


class Workbench:
    """The networks of the page, all of one scale.

    Only the thread of `submit` may call `super_resolve` and `explain`: a network is explained by one at a time.
    """

    def __init__(self, networks: Mapping[str, Network], *, seed: int = 0) -> None:
        self.networks = dict(networks)
        self.scale = next(iter(self.networks.values())).scale
        self.seed = seed
        self._pictures: RecentlyUsed[object, NetworkImage] = RecentlyUsed(_PICTURES_KEPT)
        self._maps: RecentlyUsed[object, Answer] = RecentlyUsed(_MAPS_KEPT)
        self._strips: RecentlyUsed[object, Strip] = RecentlyUsed(_STRIPS_KEPT)
        self._block_maps: RecentlyUsed[object, np.ndarray] = RecentlyUsed(_MAPS_KEPT)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="networks")
        self._submitted: set[Future[Any]] = set()
        self._closed = False

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues work for the networks' thread."""
        future = self._thread.submit(work, *args, **kwargs)
        self._submitted.add(future)
        future.add_done_callback(self._submitted.discard)
        return future

    @property
    def is_at_work(self) -> bool:
        """Whether a network is being run, which nothing can interrupt."""
        return any(future.running() for future in list(self._submitted))

    def close(self) -> None:
        """Drops what is queued; what runs ends with the pass it is in."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def super_resolve(self, name: str, pair: LoadedPair) -> NetworkImage:
        """The network's SR image; computed once for each network and image.

        Raises:
            RequestError: the network cannot do it, in one line.
        """
        with errors_in_one_line(name):
            return self._pictures.get((name, pair.digest), lambda: network_image(self.networks[name], pair))

    def explain(
        self, name: str, pair: LoadedPair, request: MapRequest, wanted: Callable[[], bool] = lambda: True
    ) -> Answer:
        """A network's map for an image; asked again, it is remembered.

        Args:
            wanted: looked at before each pass of the network; once it is False the work is dropped.

        Raises:
            Stopped: the answer is no longer wanted.
            RequestError: the network cannot be explained so, in one line.
        """

        def still_wanted() -> bool:
            return wanted() and not self._closed

        if not still_wanted():
            raise Stopped

        def make() -> Answer:
            return _answered(self.networks[name], pair, request, self.seed, still_wanted)

        with errors_in_one_line(name):
            return self._maps.get((name, pair.digest, request), make)

    def strip(
        self, name: str, pair: LoadedPair, request: MapRequest, wanted: Callable[[], bool] = lambda: True
    ) -> Strip:
        """What each block of a network brings to a map; arguments and errors as of `explain`.

        Raises:
            RequestError: also where the network has no repeated parts.
        """
        network = self._while_wanted(name, wanted)
        with errors_in_one_line(name):
            return self._strips.get((name, pair.digest, request), lambda: strip_of(network, pair, request))

    def block_map(
        self,
        name: str,
        pair: LoadedPair,
        request: MapRequest,
        group: str,
        blocks: Sequence[str],
        wanted: Callable[[], bool] = lambda: True,
    ) -> np.ndarray:
        """The part of a map (3, h, w) that some of a network's blocks have written; otherwise as `strip`."""
        network = self._while_wanted(name, wanted)
        with errors_in_one_line(name):
            return self._block_maps.get(
                (name, pair.digest, request, group), lambda: map_of(network, pair, request, group, blocks)
            )

    def _while_wanted(self, name: str, wanted: Callable[[], bool]) -> _WhileWanted:
        if not wanted() or self._closed:
            raise Stopped
        return _WhileWanted(self.networks[name], lambda: wanted() and not self._closed)


def _answered(network: Network, pair: LoadedPair, request: MapRequest, seed: int, wanted: Callable[[], bool]) -> Answer:
    # a map of one pass is not stopped within, and may be a replay of a recorded one, which is the network's own
    asked = network if request.method == "l2x" else _WhileWanted(network, wanted)
    found = network_map(asked, pair.lr, request.settings(seed))
    pixels = found.values.astype(np.float64).sum(axis=0)
    size = np.abs(pixels).sum()
    positive = float(pixels.clip(min=0).sum() / size) if size else 0.0
    return Answer(request, found, positive, diffusion_index(found.values))


class _WhileWanted(nn.Module):
    """A network that stops between two passes: methods of fifty passes must not keep a newer click waiting."""

    wraps = "network"

    def __init__(self, network: nn.Module, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self.network = network
        self.wanted = wanted
        self.training = network.training

    def forward(self, lr: Tensor) -> Any:
        if not self.wanted():
            raise Stopped
        return self.network(lr)
