"""Training images in memory, and random augmented patches of them as one gather on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from l2xbench.data.bicubic import resize
from l2xbench.errors import RequestError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Pair:
    """One image: `hr` (sH, sW, 3) and `lr` (H, W, 3), uint8 RGB."""

    name: str
    hr: Tensor
    lr: Tensor


def image_files(folder: Path) -> list[Path]:
    """The folder's images, sorted by name."""
    if not folder.is_dir():
        raise RequestError(f"--data: {folder}: no such folder; needed a folder of HR images")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise RequestError(f"--data: {folder}: holds no image ({', '.join(SUFFIXES)})")
    return files


def split(files: Sequence[Path], holdout: int) -> tuple[list[Path], list[Path]]:
    """(training, validation): `holdout` files spread evenly over the sorted list are kept for validation."""
    if holdout >= len(files):
        raise RequestError(f"holdout: {holdout} of {len(files)} images leaves none to train on")
    held = {int((i + 0.5) * len(files) / holdout) for i in range(holdout)}
    training = [path for i, path in enumerate(files) if i not in held]
    return training, [files[i] for i in sorted(held)]


def read_pair(path: Path, scale: int) -> Pair:
    """The image cropped to a multiple of `scale`, and its reduction."""
    try:
        with Image.open(path) as image:
            hr = np.asarray(image.convert("RGB"))
    except OSError as error:
        raise RequestError(f"{path}: cannot be read as an image ({error})") from error
    height, width = (side - side % scale for side in hr.shape[:2])
    if min(height, width) == 0:
        raise RequestError(f"{path}: {hr.shape[1]} x {hr.shape[0]} pixels are too few for scale {scale}")
    cropped = torch.tensor(hr[:height, :width])
    return Pair(path.name, cropped, reduce(cropped, scale))


def reduce(hr: Tensor, scale: int) -> Tensor:
    """MATLAB's antialiased bicubic of (sH, sW, 3) uint8, rounded to 8 bits as the benchmark sets' LR images are."""
    return torch.from_numpy(resize(hr.numpy(), 1 / scale))


class Patches:
    """Random patches under the eight flips and quarter turns, from images of any sizes.

    All images lie end to end in one (pixels, 3) uint8 buffer on `device`, so a batch with its crops, flips and turns
    is one gather for LR and one for HR, whatever the images' shapes.
    """

    def __init__(self, pairs: Sequence[Pair], scale: int, patch: int, device: torch.device) -> None:
        small = [pair.name for pair in pairs if min(pair.lr.shape[:2]) < patch]
        if small:
            raise RequestError(f"patch: {patch} LR pixels are more than {small[0]} has at scale {scale}")
        self.scale, self.patch, self.device = scale, patch, device
        self.lr = torch.cat([pair.lr.reshape(-1, 3) for pair in pairs]).to(device)
        self.hr = torch.cat([pair.hr.reshape(-1, 3) for pair in pairs]).to(device)
        self.sizes = torch.tensor([pair.lr.shape[:2] for pair in pairs], device=device)
        areas = self.sizes.prod(dim=1)
        self.ends = areas.cumsum(0)  # in LR pixels
        self.starts = self.ends - areas
        self.total = float(self.ends[-1])

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """(lr, hr): (N, 3, p, p) and (N, 3, sp, sp) float in [0, 1].

        `generator`, of the images' own device, decides everything and the host is never asked, so that a draw can be
        part of a CUDA graph. An image comes as often as its share of all pixels.
        """
        draw = torch.rand(6, size, generator=generator, device=self.device, dtype=torch.float64)
        image = torch.searchsorted(self.ends, (draw[0] * self.total).long(), right=True)
        sizes = self.sizes[image]
        top, left = (draw[1:3] * (sizes.T - self.patch + 1)).long()
        turns = draw[3:] < 0.5
        chosen = torch.stack([self.starts[image], sizes[:, 1], top, left])
        return (self._gather(self.lr, 1, chosen, turns), self._gather(self.hr, self.scale, chosen, turns))

    def _gather(self, pixels: Tensor, s: int, chosen: Tensor, turns: Tensor) -> Tensor:
        start, width, top, left = chosen[:, :, None, None]  # in LR pixels, each (N, 1, 1)
        flip_y, flip_x, transpose = turns[:, :, None, None]
        along = torch.arange(s * self.patch, device=self.device)
        down, across = along[None, :, None], along[None, None, :]
        rows = torch.where(transpose, across, down)
        columns = torch.where(transpose, down, across)
        last = s * self.patch - 1
        rows = torch.where(flip_y, last - rows, rows) + s * top
        columns = torch.where(flip_x, last - columns, columns) + s * left
        index = s * s * start + rows * (s * width) + columns
        return pixels[index].permute(0, 3, 1, 2).float().div_(255)
