"""Networks and memory: many images at a time where they fit, tiles where one does not."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from l2xbench.attribution import Attribution, explain
from l2xbench.attribution.captured import makes_room
from l2xbench.attribution.finite import all_finite
from l2xbench.attribution.tiles import Tiling
from l2xbench.store.units import Value
from l2xbench.system import heap, memory

_PIXELS = {"cpu": 64 * 64, "cuda": 128 * 64 * 64, "mps": 16 * 64 * 64}
"""LR pixels of a batch: more is slower on a CPU, whose caches it overruns; a GPU wants many.

The images of a batch are decided by their size and nothing else: PyTorch's kernels, and so the last digits of what they
give, depend on how many images come together.
"""

_MAP_PIXELS = 2**15
"""LR pixels explained in one batch, 14 images of 48 x 48.

On one CPU thread 16 images of 48 x 48 together take 0.64 to 0.78 of the time of one after the other, and 4 at a time
0.72 to 0.82 (compact EDSR, RCAN, CARN and SwinIR; docs/evidence/cost.md).
"""

OVERLAP = 16
"""Margin of a tile in LR pixels, at each side."""
_may_divide: ContextVar[bool] = ContextVar("may_divide", default=True)

Result = TypeVar("Result")


def device_of(network: nn.Module) -> torch.device:
    """Where the network is."""
    return next(iter(network.parameters()), torch.empty(0)).device


@contextmanager
def undivided() -> Iterator[None]:
    """Within, work that memory is too small for raises, and is not done in smaller batches or tiles.

    Where several workers share a machine's memory, a worker that finds too little does not know whether it would have
    enough alone. It gives the work back, so that what is divided does not hang on what others were doing.
    """
    before = _may_divide.set(False)
    try:
        yield
    finally:
        _may_divide.reset(before)


def may_divide(error: BaseException) -> bool:
    """Whether memory ran out, and the work may be done again in smaller parts."""
    return memory.has_run_out(error) and _may_divide.get()


def fitting(work: Callable[[int | None], Result], lr: Tensor) -> tuple[Result, int | None]:
    """What `work(tile)` gives: for the whole image, or, each time that memory runs out, in smaller tiles.

    Args:
        work: takes the side of tiles in LR pixels, or None.
        lr: (N, 3, h, w), on the device that may be full.

    Returns:
        the result, and the side of the tiles, None for the whole image.
    """
    tile: int | None = None
    while True:
        try:
            return work(tile), tile
        except Exception as error:
            room = makes_room(error)
            smaller = tile if room else _smaller(tile or max(lr.shape[-2:]))
            if not room and (smaller is None or not may_divide(error)):
                raise
        # only here, where the error with all that its frames hold is gone
        tile = smaller
        _let_go(lr.device)


class Upscaler(Protocol):
    """A network, or quicker passes of one."""

    @property
    def scale(self) -> int: ...

    def __call__(self, lr: Tensor) -> Tensor: ...


def super_resolve(network: Upscaler, lr: Tensor, tile: int | None = None) -> Tensor:
    """The SR images of `lr` (N, 3, h, w), whole or from tiles that overlap, of each its middle."""
    with torch.no_grad():  # not inference mode: some networks keep tensors of a forward pass, and are explained next
        if tile is None:
            return network(lr)
        height, width = lr.shape[-2:]
        scale = network.scale
        whole = lr.new_empty((*lr.shape[:-2], height * scale, width * scale))
        for down, across in Tiling(height, width, tile, OVERLAP).tiles():
            part = network(lr[..., down.start : down.stop, across.start : across.stop])
            y, x = (slice(span.core_start * scale, span.core_stop * scale) for span in (down, across))
            top, left = down.start * scale, across.start * scale
            whole[..., y, x] = part[..., y.start - top : y.stop - top, x.start - left : x.stop - left]
        return whole


def explained(network: nn.Module, lr: Tensor, **options: Any) -> tuple[Attribution, int | None]:
    """The map of `l2xbench.explain`, in tiles where memory runs out, and their side; see `fitting`."""
    return fitting(lambda tile: explain(network, lr, tile=tile, overlap=OVERLAP, **options), lr)


class _Divided(Generic[Result]):
    """Work on images many at a time; where memory runs out, on ever fewer, and at last on one in tiles.

    Attributes:
        size: images of a batch that it came to, None for as many as their size decides.
        tile: the side of the tiles that it came to, None for whole images.
    """

    def __init__(self, pixels: int) -> None:
        """For so many LR pixels at a time."""
        self._pixels = pixels
        self.size: int | None = None
        self.tile: int | None = None

    @property
    def divided(self) -> dict[str, Value]:
        """What a record tells of it, `batch` and `tile`: numbers of smaller parts may round otherwise."""
        if self.tile is not None:
            return {"tile": self.tile}
        return {} if self.size is None else {"batch": self.size}

    def _in_batches(self, inputs: Tensor, work: Callable[[Tensor], Result], device: torch.device) -> Iterator[Result]:
        """What `work` gives of one batch after the other; it looks at `tile`."""
        done = 0
        while done < len(inputs):
            size = self.size or max(1, self._pixels // (inputs.shape[-2] * inputs.shape[-1]))
            try:
                result = work(inputs[done : done + size])
            except Exception as error:
                if not makes_room(error):
                    smaller = _smaller(self.tile or max(inputs.shape[-2:])) if size == 1 else None
                    if not may_divide(error) or (size == 1 and smaller is None):
                        raise
                    self.size = max(1, size // 2)
                    self.tile = smaller or self.tile
            else:
                done += size
                yield result
                continue
            _let_go(device)


class Batches(_Divided[Tensor]):
    """Runs a network on batches; see `_Divided`.

    Attributes:
        seconds: time spent in the network so far.
    """

    def __init__(self, network: Upscaler, device: torch.device) -> None:
        super().__init__(_PIXELS[device.type])
        self.network = network
        self.device = device
        self.seconds = 0.0

    def __call__(self, inputs: Tensor) -> Iterator[Tensor]:
        """The SR images of `inputs` (N, 3, h, w), in order, batch by batch, on the network's device.

        Raises:
            FloatingPointError: the network gave NaN or infinity.
            RuntimeError: the smallest tile of one image is still too large.
        """
        for output in self._in_batches(inputs, self._run, self.device):
            if not all_finite(output):
                raise FloatingPointError("the network's output holds NaN or infinity")
            yield output

    def _run(self, inputs: Tensor) -> Tensor:
        inputs = inputs.to(self.device)
        started = time.perf_counter()
        output = super_resolve(self.network, inputs, self.tile)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        self.seconds += time.perf_counter() - started
        return output


class MapBatches(_Divided[Attribution]):
    """Explains images of one size many at a time; see `_Divided`."""

    def __init__(self, network: nn.Module, *, together: bool = True, **options: Any) -> None:
        """For maps of `l2xbench.explain` with these options.

        Args:
            together: False for one image at a time: a method that draws random numbers draws other ones for each image
                of a batch.
        """
        super().__init__(_MAP_PIXELS if together else 1)
        self._network = network
        self._options = options

    def __call__(self, lr: Tensor) -> Iterator[Attribution]:
        """The maps of `lr` (N, 3, h, w), in order, batch by batch.

        Raises:
            FloatingPointError: a map holds NaN or infinity.
            RuntimeError: the smallest tile of one image is still too large.
        """
        for found in self._in_batches(lr, self._explain, lr.device):
            if not all_finite(found.values):
                raise FloatingPointError("the attribution holds NaN or infinity")
            yield found

    def _explain(self, lr: Tensor) -> Attribution:
        found: Attribution = explain(self._network, lr, tile=self.tile, overlap=OVERLAP, **self._options)
        return found


def _smaller(side: int) -> int | None:
    """Half the side, a multiple of 8; None where no tile would be left within its margins."""
    half = -(-side // 16) * 8
    return half if half < side and half >= 2 * OVERLAP + 8 else None


def _let_go(device: torch.device) -> None:
    gc.collect()
    heap.give_back()
    if device.type == "cuda":
        torch.cuda.empty_cache()
