"""Explain images that are too large for memory in tiles, so that the map sums to the tiled output's difference exactly.

The network is run on overlapping square tiles; of each tile's output only its core counts, and the cores divide the
image without overlap. A tile's map explains its core's outputs and reaches into its margins; the sum of all tiles'
maps explains the output that tiled inference, the usual way to super-resolve a large image, would give.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

import torch
from torch import Tensor

from l2xbench.attribution.captured import captured_bytes
from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.targets import Target, Window
from l2xbench.system import memory

PROBE = 32
"""Side in LR pixels of the smaller of the two images on which `auto_tile` measures a network's need."""
SHARE = 0.4
"""The share of the free memory that one tile may take: the rest is for what the probe does not see."""


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in LR pixels: what the network sees, and within it the core."""

    start: int
    stop: int
    core_start: int
    core_stop: int


def spans(size: int, tile: int, overlap: int) -> list[Span]:
    """Divide one axis into tiles of equal length `tile` whose neighbours share at least 2 x `overlap` pixels.

    The last tile is moved inwards to end at the edge; the cores meet in the middle of what two neighbours share.

    Examples:
        >>> [(span.start, span.stop, span.core_start, span.core_stop) for span in spans(20, 12, 2)]
        [(0, 12, 0, 10), (8, 20, 10, 20)]

    Raises:
        AttributionError: the tile is no larger than twice the overlap, or the overlap negative.
    """
    if tile >= size:
        return [Span(0, size, 0, size)]
    step = tile - 2 * overlap
    if overlap < 0 or step < 1:
        raise AttributionError(
            f"tile={tile} with overlap={overlap}: the tile must exceed twice the overlap, which is at least 0"
        )
    starts = [*range(0, size - tile, step), size - tile]
    cuts = [0, *((left + tile + right) // 2 for left, right in pairwise(starts)), size]
    return [Span(start, start + tile, cuts[k], cuts[k + 1]) for k, start in enumerate(starts)]


@dataclass
class Tiling:
    """The tiles of an image (N, C, H, W), and where a target falls in each tile's output."""

    rows: int
    columns: int
    tile: int
    overlap: int
    _scale: tuple[int, int] | None = field(default=None, init=False)

    def tiles(self) -> list[tuple[Span, Span]]:
        """The tiles as (rows, columns)."""
        return [
            (down, across)
            for down in spans(self.rows, self.tile, self.overlap)
            for across in spans(self.columns, self.tile, self.overlap)
        ]

    def window_in(self, tile: tuple[Span, Span]) -> Callable[[Target, torch.Size], Window | None]:
        """For a tile: the outputs a target means in the tile's output; None where none lies in its core."""

        def window(target: Target, shape: torch.Size) -> Window | None:
            scales = self._scales(tile, shape)
            whole = (shape[0], shape[1], self.rows * scales[0], self.columns * scales[1])
            channels, *asked = target.window(whole)
            local = []
            for span, part, scale in zip(tile, asked, scales, strict=True):
                start = max(part.start, span.core_start * scale)
                stop = min(part.stop, span.core_stop * scale)
                if start >= stop:
                    return None
                local.append(slice(start - span.start * scale, stop - span.start * scale))
            return (channels, *local)

        return window

    def _scales(self, tile: tuple[Span, Span], shape: torch.Size) -> tuple[int, int]:
        sides = [span.stop - span.start for span in tile]
        if len(shape) != 4 or any(out % side for out, side in zip(shape[2:], sides, strict=True)):
            raise AttributionError(
                f"tile={self.tile}: {sides[0]} x {sides[1]} pixels gave an output of shape {tuple(shape)}, which is not"
                " a whole multiple; use tile=None"
            )
        found = (shape[2] // sides[0], shape[3] // sides[1])
        if self._scale not in (None, found):
            raise AttributionError(f"tile={self.tile}: the network's scale changes from tile to tile; use tile=None")
        self._scale = found
        return found


def crop(tile: tuple[Span, Span]) -> Callable[[Tensor], Tensor]:
    """The function that cuts a tile out of a whole (N, C, H, W)."""
    down, across = tile
    return lambda whole: whole[:, :, down.start : down.stop, across.start : across.stop]


def auto_tile(inputs: Tensor, overlap: int, memory_of: Callable[[Tensor], int]) -> int | None:
    """The largest tile whose map fits the free memory of the inputs' device; None where the whole image does.

    Args:
        inputs: (N, C, H, W).
        overlap: margin in LR pixels, that the tile must hold twice.
        memory_of: a batch of images -> the bytes that their map takes.

    The need at other sizes follows from two small probes, with the power of the pixel count that they show, between 1
    (convolution) and 2 (global attention).
    """
    rows, columns = inputs.shape[-2:]
    small = inputs[..., :PROBE, :PROBE]
    large = inputs[..., : 2 * PROBE, : 2 * PROBE]
    pixels = [probe.shape[-2] * probe.shape[-1] for probe in (small, large)]
    if pixels[1] == rows * columns:
        return None
    need = [max(memory_of(probe), 1) for probe in (small, large)]
    power = torch.tensor(need[1] / need[0]).log().item() / torch.tensor(pixels[1] / pixels[0]).log().item()
    power = min(max(power, 1.0), 2.0)
    fitting = pixels[1] * (SHARE * free_memory(inputs.device) / need[1]) ** (1 / power)
    if fitting >= rows * columns:
        return None
    side = int(fitting**0.5) // 8 * 8
    least = 2 * overlap + 8
    if side < least:
        raise AttributionError(
            f"tile='auto': the memory there is allows tiles of {side} pixels, less than twice the overlap of {overlap};"
            " explain fewer images at once or give a smaller overlap="
        )
    return side


def free_memory(device: torch.device) -> int:
    """Bytes that this process can still take on a device."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + max(0, cached - captured_bytes(device))
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.current_allocated_memory()
    return memory.free()


def saved_bytes(run: Callable[[], object], apart_from: Iterable[Tensor] = ()) -> int:
    """The bytes that autograd keeps of what `run` computes, each storage counted once; parameters may be left out."""
    known = {tensor.untyped_storage().data_ptr() for tensor in apart_from}
    storages: dict[int, int] = {}
    kept: list[object] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            storages[storage.data_ptr()] = storage.nbytes()
        kept.append(tensor)  # alive, so that no address is used twice
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        result = run()
    del result
    return sum(storages.values())
