"""What blocks of LR pixels do to the PSNR of a patch of the SR image: they are replaced by blocks of other images.

After the causal effect maps of J. Hu et al., Interpreting low-level vision models with causal effect maps, TPAMI 2025
(arXiv 2407.19789): each block is replaced a few times; where that changes the patch's PSNR it is replaced many times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from l2xbench.data.images import to_tensor
from l2xbench.studies.shared.features import generator
from l2xbench.studies.shared.inference import Batches

Window = tuple[int, int, int, int]
"""First row and column, height and width, in SR pixels."""
_COARSE, _FINE = 0, 1
_CHUNK = 64
"""Images that are made before the network takes them: enough for its batches, few enough for memory."""


@dataclass(frozen=True)
class InterventionPlan:
    """How interventions are made.

    Attributes:
        block: side of a block in LR pixels (CEM: 2 at x4); those at the right and bottom edge may be cut.
        coarse: how often each block is replaced at first (CEM: 3).
        fine: how often, anew, where it matters (CEM: 50).
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
        effect: (rows, columns) dB that the patch's PSNR loses, in the mean, without the block: above 0 it helped.
        draws: (rows, columns) replacements that the mean is of.
        psnr: of the patch, nothing replaced.
        least: an effect below it, in absolute value, counts as none.
        passes: images that the network was run on.
        seconds: time spent in the network.
    """

    effect: np.ndarray
    draws: np.ndarray
    psnr: float
    least: float
    passes: int
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """How many blocks help, harm, and do neither."""
        positive, negative = int((self.effect >= self.least).sum()), int((self.effect <= -self.least).sum())
        return {"positive": positive, "negative": negative, "zero": self.effect.size - positive - negative}


def measure_effects(
    run: Batches,
    lr: np.ndarray,
    hr: np.ndarray,
    window: Window,
    donors: Sequence[np.ndarray],
    digest: str,
    plan: InterventionPlan = InterventionPlan(),
    progress: Callable[[int, int], None] = lambda done, owed: None,
) -> Effects:
    """Replaces each block of an LR image by blocks of others, and measures what the patch's PSNR loses.

    What a block is replaced by follows from the seed, the image and the block alone: not from the network, nor from how
    many images are run at a time.

    Args:
        run: the network.
        lr: (h, w, 3) uint8.
        hr: (scale h, scale w, 3) uint8.
        window: the patch.
        donors: other LR images, uint8, each of at least one block.
        digest: the image's, see `LoadedPair`.
        plan: how it is done.
        progress: told how many passes are done, and how many are known to be owed.

    Raises:
        ValueError: the window is not within HR, or no donor is large enough.
        FloatingPointError: the network gave NaN or infinity.
    """
    large = [donor for donor in donors if min(donor.shape[:2]) >= plan.block]
    if not large:
        raise ValueError(f"none of {len(donors)} other images holds a block of {plan.block} x {plan.block} LR pixels")
    y, x, height, width = window
    if min(y, x, height - 1, width - 1) < 0 or y + height > hr.shape[0] or x + width > hr.shape[1]:
        raise ValueError(f"the patch {window} is not within the {hr.shape[0]} x {hr.shape[1]} pixels of HR")
    image = to_tensor(lr)
    grid = tuple(-(-length // plan.block) for length in lr.shape[:2])
    blocks = list(np.ndindex(grid))
    target = to_tensor(hr[y : y + height, x : x + width])[0].to(run.device) * 255
    started = run.seconds
    owed = 1 + len(blocks) * plan.coarse
    done = 0

    def psnrs(images: Iterator[Tensor]) -> np.ndarray:
        nonlocal done
        found: list[float] = []
        for chunk in _chunks(images):
            for sr in run(chunk):
                found += _psnr(sr[:, :, y : y + height, x : x + width], target)
                done += len(sr)
                progress(done, owed)
        return np.array(found)

    def replaced(block: tuple[int, ...], stage: int, times: int) -> Iterator[Tensor]:
        draw = generator(digest, plan.seed, stage, *block)
        rows, columns = (slice(place * plan.block, (place + 1) * plan.block) for place in block)
        for _ in range(times):
            changed = image.clone()
            part = changed[:, :, rows, columns]
            part.copy_(_drawn(draw, large, plan.block)[:, :, : part.shape[2], : part.shape[3]])
            yield changed

    psnr = float(psnrs(iter([image]))[0])
    coarse = psnr - psnrs(one for block in blocks for one in replaced(block, _COARSE, plan.coarse))
    coarse = coarse.reshape(len(blocks), plan.coarse)
    effect = coarse.mean(1)
    draws = np.full(len(blocks), plan.coarse)
    again = np.flatnonzero(abs(coarse).max(1) >= plan.least) if plan.fine else np.array([], int)
    owed += len(again) * plan.fine
    if len(again):
        fine = psnr - psnrs(one for place in again for one in replaced(blocks[place], _FINE, plan.fine))
        effect[again] = fine.reshape(len(again), plan.fine).mean(1)
        draws[again] = plan.fine
    return Effects(effect.reshape(grid), draws.reshape(grid), psnr, plan.least, done, run.seconds - started)


def _chunks(images: Iterator[Tensor]) -> Iterator[Tensor]:
    waiting: list[Tensor] = []
    for image in images:
        waiting.append(image)
        if len(waiting) == _CHUNK:
            yield torch.cat(waiting)
            waiting = []
    if waiting:
        yield torch.cat(waiting)


def _drawn(draw: np.random.Generator, donors: Sequence[np.ndarray], side: int) -> Tensor:
    """A block (1, 3, side, side) from a random place of a random image."""
    donor = donors[int(draw.integers(len(donors)))]
    top, left = (draw.integers(length - side + 1) for length in donor.shape[:2])
    return to_tensor(donor[top : top + side, left : left + side])


def _psnr(sr: Tensor, hr: Tensor) -> list[float]:
    """PSNR in dB of each of (N, 3, h, w) in [0, 1], over RGB and rounded to 8 bits as CEM's authors take it.

    Of a patch that equals HR, one level in one value counts as wrong: its PSNR would be infinite.
    """
    levels = sr.float().clamp(0, 1).mul(255).round()
    errors = (levels - hr).double().square().flatten(1).mean(1).clamp(min=1 / hr.numel())
    found: list[float] = (10 * torch.log10(255.0**2 / errors)).tolist()
    return found
