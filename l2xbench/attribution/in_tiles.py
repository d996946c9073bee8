"""Maps of images that are run in tiles: how large a tile is, and what the tiles' maps sum to."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import torch
from torch import Tensor

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods import Explained, Method, Problem
from l2xbench.attribution.methods.plain import quiet
from l2xbench.attribution.tiles import Tiling, auto_tile, crop, saved_bytes


def tile_side(problem: Problem, tile: int | Literal["auto"] | None, overlap: int, itemsize: int) -> int | None:
    """The side of a tile, whose map will be computed in numbers of `itemsize` bytes."""
    if tile is None:
        return None
    if isinstance(overlap, bool) or not isinstance(overlap, int) or overlap < 0:
        raise AttributionError(f"overlap={overlap!r}: give a number of LR pixels, at least 0")
    if problem.inputs.ndim != 4:
        raise AttributionError(
            f"tile={tile!r} needs images (N, C, H, W); the inputs have shape {tuple(problem.inputs.shape)}"
        )
    if tile == "auto":
        wider = itemsize / problem.inputs.element_size()
        return auto_tile(problem.inputs, overlap, lambda images: int(wider * _map_bytes(problem, images)))
    if isinstance(tile, bool) or not isinstance(tile, int) or tile < 1:
        raise AttributionError(f"tile={tile!r}: give a side in LR pixels, 'auto' or None")
    return tile


def _map_bytes(problem: Problem, images: Tensor) -> int:
    """What a map of these images needs: what a plain gradient keeps, and as much again for the reference's stream."""

    def forward() -> Tensor:
        return problem.run(images.clone().requires_grad_(True))

    with quiet(problem.network), torch.enable_grad():
        return 2 * saved_bytes(forward, apart_from=problem.network.parameters())


def explained_in_tiles(
    method: Method, problem: Problem, options: dict[str, Any], side: int, overlap: int
) -> list[Explained]:
    """Each tile's map of its own core's outputs, added up where the tiles lie."""
    tiling = Tiling(problem.inputs.shape[-2], problem.inputs.shape[-1], side, overlap)
    totals = [problem.nothing() for _ in problem.targets]
    for tile in tiling.tiles():
        cut = crop(tile)
        part = replace(
            problem,
            inputs=cut(problem.inputs),
            reference=cut(problem.reference),
            window_of=tiling.window_in(tile),
            crop=cut,
        )
        for total, answer in zip(totals, method.explain(part, **options), strict=True):
            cut(total.values).add_(answer.values)
            total.delta += answer.delta.to(total.delta)
            total.operations = total.operations or answer.operations
            if answer.jump is not None:
                total.jump = answer.jump if total.jump is None else total.jump + answer.jump
                total.routed = total.routed or answer.routed
    return totals
