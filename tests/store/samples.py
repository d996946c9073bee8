"""A unit, what it gave, and its journal: what the tests of the store share."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from l2xbench.store.paths import journal_path
from l2xbench.store.store import Store
from l2xbench.store.units import GroupName, Outcome, Unit

UNIT = Unit("restoration", 1, "set5", "img_001", "edsr", options={"border": 4})
GROUP = GroupName("restoration", "set5", "edsr", "")
IMAGE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)


def sample_outcome() -> Outcome:
    """Numbers, an image and an array."""
    arrays = {"attribution": {"values": np.ones((3, 2, 2), np.float32)}}
    return Outcome(values={"psnr": 31.5, "ssim": None}, images={"sr": IMAGE}, arrays=arrays)


def write_units(store: Store, *images: str, recipe: str = "r") -> None:
    """A record for each image, whose digest is its name and whose PSNR is the name's length."""
    for image in images:
        store.write_outcome(UNIT.at(image), f"{recipe}.{image}", Outcome(values={"psnr": float(len(image))}))


def journal_file(root: Path) -> Path:
    """The journal of `GROUP`."""
    return root / journal_path(GROUP)
