"""The networks, kept loaded, and the one thread that runs them: each SR image once, maps one after the other."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from l2xbench.attribution import explain
from l2xbench.data import metrics
from l2xbench.data.images import to_image, to_tensor
from l2xbench.data.pairs import LoadedPair
from l2xbench.errors import RequestError
from l2xbench.report.sanity import diffusion_index
from l2xbench.studies.attribution.compute import arrays_of
from l2xbench.studies.shared.inference import device_of
from l2xbench.zoo.network import Network

P = ParamSpec("P")
T = TypeVar("T")

_PICTURES_KEPT = 32
_MAPS_KEPT = 64


class Stopped(BaseException):
    """The answer is no longer wanted. No `Exception`: methods turn those into errors of their own."""


class Question(NamedTuple):
    """What is asked of a network and an image."""

    target: str
    reference: str
    method: str
    options: tuple[tuple[str, int | float | bool], ...] = ()
    """The method's own, by name."""


@dataclass(frozen=True)
class Restored:
    """A network's SR image, (sH, sW, 3) uint8, and where there is an HR image how near it came (Y channel)."""

    image: np.ndarray
    psnr: float | None = None
    ssim: float | None = None


@dataclass(frozen=True)
class Answer:
    """A map and its numbers."""

    question: Question
    arrays: dict[str, np.ndarray]
    """`values` (3, h, w) in units of the objective, `reference` (3, h, w), `delta` ()."""
    completeness_error: float | None
    """None for a control, which runs no network."""
    positive: float
    """Share of the sum of |values| that is positive, the values of a pixel's channels summed."""
    diffusion: float
    """LAM's diffusion index, 0 to 100."""
    seconds: float
    """Of the explanation alone."""

    @property
    def values(self) -> np.ndarray:
        """(3, h, w)."""
        return self.arrays["values"]

    @property
    def delta(self) -> float | None:
        """The objective's difference between image and reference; None for a control."""
        delta = float(self.arrays["delta"])
        return delta if math.isfinite(delta) else None


class Workbench:
    """The networks of the page, all of one scale.

    Only the thread of `submit` may call `super_resolve` and `explain`: a network is explained by one at a time.
    """

    def __init__(self, networks: Mapping[str, Network], *, seed: int = 0) -> None:
        self.networks = dict(networks)
        self.scale = next(iter(self.networks.values())).scale
        self.seed = seed
        self._pictures: _Recent[Restored] = _Recent(_PICTURES_KEPT)
        self._maps: _Recent[Answer] = _Recent(_MAPS_KEPT)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="networks")
        self._closed = False

    def submit(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues work for the networks' thread."""
        return self._thread.submit(work, *args, **kwargs)

    def close(self) -> None:
        """Drops what is queued; what runs ends with the pass it is in."""
        self._closed = True
        self._thread.shutdown(wait=False, cancel_futures=True)

    def super_resolve(self, name: str, pair: LoadedPair) -> Restored:
        """The network's SR image; computed once for each network and image.

        Raises:
            RequestError: the network cannot do it, in one line.
        """
        network = self.networks[name]

        def make() -> Restored:
            with torch.no_grad():
                return _measured(to_image(network(to_tensor(pair.lr).to(device_of(network)))), pair.hr, self.scale)

        return self._pictures.get((name, pair.digest), lambda: _in_one_line(name, make))

    def explain(
        self, name: str, pair: LoadedPair, question: Question, wanted: Callable[[], bool] = lambda: True
    ) -> Answer:
        """A network's map for an image; asked again, it is remembered.

        Args:
            wanted: looked at before each pass of the network; once it is False the work is dropped.

        Raises:
            Stopped: the answer is no longer wanted.
            RequestError: the network cannot be explained so, in one line.
        """
        network = self.networks[name]

        def still_wanted() -> bool:
            return wanted() and not self._closed

        if not still_wanted():
            raise Stopped

        def make() -> Answer:
            return _explained(network, pair, question, self.seed, still_wanted)

        return self._maps.get((name, pair.digest, question), lambda: _in_one_line(name, make))


def _measured(sr: np.ndarray, hr: np.ndarray | None, border: int) -> Restored:
    if hr is None:
        return Restored(sr)
    try:
        return Restored(sr, metrics.psnr(sr, hr, border), metrics.ssim(sr, hr, border))
    except RequestError:  # a window too small to measure
        return Restored(sr)


def _explained(network: Network, pair: LoadedPair, question: Question, seed: int, wanted: Callable[[], bool]) -> Answer:
    device = device_of(network)
    started = time.perf_counter()
    found = explain(
        _WhileWanted(network, wanted),
        to_tensor(pair.lr).to(device),
        target=question.target,
        reference=question.reference,
        method=question.method,
        seed=seed,
        **dict(question.options),
    )
    arrays = arrays_of(found)  # copying from a GPU waits for it
    seconds = time.perf_counter() - started
    if not np.isfinite(arrays["values"]).all():
        raise FloatingPointError("the map holds NaN or infinity")
    pixels = arrays["values"].astype(np.float64).sum(axis=0)
    size = np.abs(pixels).sum()
    error = float(found.completeness_error[0])
    return Answer(
        question,
        arrays,
        completeness_error=error if math.isfinite(error) else None,
        positive=float(pixels.clip(min=0).sum() / size) if size else 0.0,
        diffusion=diffusion_index(arrays["values"]),
        seconds=seconds,
    )


class _WhileWanted(nn.Module):
    """A network that stops between two passes: methods of fifty passes must not keep a newer click waiting."""

    def __init__(self, network: nn.Module, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self.network = network
        self.wanted = wanted
        self.training = network.training

    def forward(self, lr: Tensor) -> Any:
        if not self.wanted():
            raise Stopped
        return self.network(lr)


def _in_one_line(name: str, make: Callable[[], T]) -> T:
    """Whatever a network of the user's raises is shown on the page, and the page goes on."""
    try:
        return make()
    except Stopped:
        raise
    except torch.OutOfMemoryError:
        raise RequestError(f"{name}: memory does not suffice for this window; choose a smaller one") from None
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise RequestError(f"{name}: {reason}") from error


class _Recent(Generic[T]):
    """The values of the keys asked for last."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._kept: OrderedDict[object, T] = OrderedDict()

    def get(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        self._kept.move_to_end(key)
        while len(self._kept) > self.size:
            self._kept.popitem(last=False)
        return self._kept[key]
