"""Interventions: blocks of an image are replaced by blocks of other images, and a patch's PSNR is watched.

J. Hu et al., Interpreting low-level vision models with causal effect maps, TPAMI 2025 (arXiv 2407.19789): each block is
replaced a few times; where that changes the patch's PSNR it is replaced many times.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from l2xbench.attribution.errors import AttributionError
from l2xbench.attribution.methods.registry import Explained, Problem, method
from l2xbench.attribution.targets import Window

Run = Callable[[Tensor], Iterable[Tensor]]
"""(N, C, h, w) -> the network's outputs, in order, in as many batches as it likes."""
_COARSE, _FINE = 0, 1
_CHUNK = 64
"""Images that are made before the network takes them: enough for its batches, few enough for memory."""
_PIXELS = 64 * 64
"""Input pixels of a batch on a CPU; what a GPU takes at once is some hundred times that."""
_PIXELS_GPU = 128 * _PIXELS


@dataclass(frozen=True)
class InterventionPlan:
    """How interventions are made.

    Attributes:
        block: side of a block in LR pixels (CEM: 2 at x4); those at the right and bottom edge may be cut.
        coarse: how often each block is replaced at first (CEM: 3).
        fine: how often, anew, where it matters (CEM: 50); 0 leaves that out.
        least: change of the patch's PSNR in dB, in one of the first replacements, from which on it matters (CEM: 0.01);
            a smaller effect counts as none.
        seed: of the blocks that are drawn.
    """

    block: int = 2
    coarse: int = 3
    fine: int = 50
    least: float = 0.01
    seed: int = 0


@dataclass(frozen=True)
class Effects:
    """The effects of an image's blocks on a patch.

    Attributes:
        effect: (rows, columns) dB that the patch's PSNR loses, in the mean, without the block: above 0 it helped; NaN
            where the block was not replaced.
        draws: (rows, columns) replacements that the mean is of.
        psnr: of the patch, nothing replaced.
        passes: images that the network was run on.
    """

    effect: np.ndarray
    draws: np.ndarray
    psnr: float
    passes: int

    def counts(self, least: float) -> dict[str, int]:
        """How many of the blocks help by at least so many dB, harm, and do neither.

        Examples:
            >>> import numpy as np
            >>> found = Effects(np.array([[0.5, -0.2, 0.001]]), np.full((1, 3), 4), 30.0, 13)
            >>> found.counts(0.01)
            {'positive': 1, 'negative': 1, 'zero': 1}
        """
        known = self.effect[~np.isnan(self.effect)]
        positive, negative = int((known >= least).sum()), int((known <= -least).sum())
        return {"positive": positive, "negative": negative, "zero": known.size - positive - negative}


def measure_effects(
    run: Run,
    lr: Tensor,
    hr: Tensor,
    window: tuple[int, int, int, int],
    others: Sequence[Tensor],
    plan: InterventionPlan = InterventionPlan(),
    part: tuple[int, int] = (0, 1),
) -> Effects:
    """Replaces each block of an image by blocks of others, and measures what the PSNR of a patch of the output loses.

    What a block is replaced by follows from the seed, the image, the others and the block alone: not from the network,
    nor from how many images are run at a time, nor from which part of the blocks is asked for.

    Args:
        run: the network.
        lr: (1, C, h, w) in [0, 1].
        hr: (1, C, scale h, scale w) in [0, 1].
        window: first row and column, height and width of the patch in SR pixels.
        others: images (1, C, h', w'), of which those are drawn from that hold a block.
        plan: how it is done.
        part: (k, n) replaces only the blocks number k, k + n, k + 2 n, ... in reading order.

    Raises:
        AttributionError: the window is not within HR, or no other image is large enough.

    Examples:
        >>> import torch
        >>> lr = torch.full((1, 3, 4, 4), 0.5)
        >>> black = [torch.zeros(1, 3, 4, 4)]
        >>> plan = InterventionPlan(block=2, coarse=1, fine=0)
        >>> found = measure_effects(lambda x: [x], lr, lr.clone(), (0, 0, 2, 2), black, plan)
        >>> (found.effect > 0).tolist(), found.passes
        ([[True, False], [False, False]], 5)
    """
    large = [other for other in others if min(other.shape[-2:]) >= plan.block]
    if not large:
        raise AttributionError(
            f"none of {len(others)} other images holds a block of {plan.block} x {plan.block} pixels, by which blocks "
            "of this image are replaced"
        )
    y, x, height, width = window
    if min(y, x, height - 1, width - 1) < 0 or y + height > hr.shape[-2] or x + width > hr.shape[-1]:
        raise AttributionError(f"the patch {window} is not within the {hr.shape[-2]} x {hr.shape[-1]} pixels of HR")
    grid = tuple(-(-length // plan.block) for length in lr.shape[-2:])
    blocks = list(np.ndindex(grid))
    mine = list(range(part[0], len(blocks), part[1]))
    target = hr[..., y : y + height, x : x + width].mul(255).round()
    pixels = zlib.crc32(lr.detach().cpu().float().numpy().tobytes())
    passes = 0

    def psnrs(images: Iterator[Tensor]) -> np.ndarray:
        nonlocal passes
        found: list[float] = []
        for chunk in _chunks(images):
            for sr in run(chunk):
                found += _psnr(sr[..., y : y + height, x : x + width], target)
        passes += len(found)
        return np.array(found)

    def replaced(block: tuple[int, ...], stage: int, times: int) -> Iterator[Tensor]:
        draw = np.random.default_rng([plan.seed, pixels, stage, *block])
        rows, columns = (slice(place * plan.block, (place + 1) * plan.block) for place in block)
        for _ in range(times):
            changed = lr.clone()
            there = changed[..., rows, columns]
            there.copy_(_drawn(draw, large, plan.block)[..., : there.shape[-2], : there.shape[-1]])
            yield changed

    psnr = float(psnrs(iter([lr]))[0])
    coarse = psnr - psnrs(one for place in mine for one in replaced(blocks[place], _COARSE, plan.coarse))
    coarse = coarse.reshape(len(mine), plan.coarse)
    effect, draws = np.full(len(blocks), np.nan), np.zeros(len(blocks), dtype=int)
    effect[mine], draws[mine] = coarse.mean(1), plan.coarse
    acting = (abs(coarse).max(1) >= plan.least) & bool(plan.fine)
    again = [place for place, acts in zip(mine, acting, strict=True) if acts]
    if again:
        fine = psnr - psnrs(one for place in again for one in replaced(blocks[place], _FINE, plan.fine))
        effect[again], draws[again] = fine.reshape(len(again), plan.fine).mean(1), plan.fine
    return Effects(effect.reshape(grid), draws.reshape(grid), psnr, passes)


@method("intervention", all_targets=True, needs_hr=True)
def intervention(
    problem: Problem, *, block: int = 2, coarse: int = 3, fine: int = 50, least: float = 0.01
) -> list[Explained]:
    """Causal effect maps (Hu et al., 2025): what a patch's PSNR loses as blocks are replaced by other images' blocks.

    In dB, signed: the mean over the replacements, shared evenly by the values of a block. Its objective is the PSNR
    against `hr=`, whose changes do not add up, so that nothing is said of completeness. See `measure_effects`.

    Raises:
        AttributionError: there are no `hr=` and `others=` in `explain`, the target is a single output, or a tile of the
            image is asked for.
    """
    if problem.hr is None or not problem.others:
        raise AttributionError(
            "method 'intervention' compares with the HR image and draws blocks from other images: give "
            "hr= (N, C, H, W) and others= [(1, C, h, w), ...], in [0, 1]"
        )
    if problem.inputs.shape != problem.whole.shape:
        raise AttributionError("method 'intervention' looks at whole images: leave out tile=")
    plan = InterventionPlan(block, coarse, fine, least, problem.seed)
    others = [other.to(problem.inputs) for other in problem.others]
    hr = problem.hr.to(problem.inputs)
    with torch.no_grad():
        return [
            _explained(problem, hr, others, plan, problem.window_of(target, hr.shape)) for target in problem.targets
        ]


def _explained(
    problem: Problem, hr: Tensor, others: Sequence[Tensor], plan: InterventionPlan, window: Window | None
) -> Explained:
    if window is None or len(window) < 3 or window[0] != slice(0, hr.shape[1]):
        raise AttributionError("method 'intervention' measures a patch's PSNR: the target is image or patch:y,x,h,w")
    rows, columns = window[-2:]
    box = (rows.start, columns.start, rows.stop - rows.start, columns.stop - columns.start)
    values = torch.zeros_like(problem.inputs)
    for number, lr in enumerate(torch.split(problem.inputs, 1)):
        found = measure_effects(_in_batches(problem), lr, hr[number : number + 1], box, others, plan)
        values[number] = spread(found.effect, plan.block, lr.shape[1:]).to(values)
    return Explained(values, torch.full((len(values),), torch.nan, dtype=torch.float64, device=values.device))


def spread(effect: np.ndarray, block: int, shape: Sequence[int]) -> Tensor:
    """(C, h, w): the effect of each block, shared evenly by its values.

    Examples:
        >>> import numpy as np
        >>> spread(np.array([[6.0, 3.0]]), 2, (1, 2, 3)).tolist()
        [[[1.5, 1.5, 1.5], [1.5, 1.5, 1.5]]]
    """
    channels, height, width = shape
    whole = torch.from_numpy(effect).repeat_interleave(block, 0).repeat_interleave(block, 1)[:height, :width]
    tall, wide = (torch.tensor([min(block, n - i // block * block) for i in range(n)]) for n in (height, width))
    return (whole / (tall.view(-1, 1) * wide * channels)).expand(channels, height, width).clone()


def _in_batches(problem: Problem) -> Run:
    def run(images: Tensor) -> Iterator[Tensor]:
        most = _PIXELS if images.device.type == "cpu" else _PIXELS_GPU
        size = max(1, most // math.prod(images.shape[-2:]))
        return (problem.run(batch) for batch in torch.split(images, size))

    return run


def _chunks(images: Iterator[Tensor]) -> Iterator[Tensor]:
    waiting: list[Tensor] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == _CHUNK:
            yield torch.cat(waiting)
            waiting = []
    if waiting:
        yield torch.cat(waiting)


def _drawn(draw: np.random.Generator, others: Sequence[Tensor], side: int) -> Tensor:
    """A block (1, C, side, side) from a random place of a random image."""
    other = others[int(draw.integers(len(others)))]
    top, left = (int(draw.integers(length - side + 1)) for length in other.shape[-2:])
    return other[..., top : top + side, left : left + side]


def _psnr(sr: Tensor, hr: Tensor) -> list[float]:
    """PSNR in dB of each of (N, C, h, w) in [0, 1], over RGB and rounded to 8 bits as CEM's authors take it.

    Of a patch that equals HR, one level in one value counts as wrong: its PSNR would be infinite.
    """
    levels = sr.float().clamp(0, 1).mul(255).round()
    errors = (levels - hr.to(levels)).double().square().flatten(1).mean(1).clamp(min=1 / hr.numel())
    found: list[float] = (10 * torch.log10(255.0**2 / errors)).tolist()
    return found
