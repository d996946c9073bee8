"""LAM's diffusion index of networks over eight windows of Set14 and Urban100, as a table in Markdown.

    python scripts/diffusion_index.py edsr-compact mine=./net.pth --data-root ~/data

A case is a window of the SR image of a crop of 256 x 256 HR pixels, reduced to 64 x 64 by Pillow's bicubic. The map is
LAM's with the derivative as it is, and not the published variant of the command `lam`. The index (Gu and Dong, CVPR
2021) is 100 (1 - the Gini coefficient) of the map's magnitude: 0 where one pixel holds all of it, 100 where all hold
the same. A row a network: mean, least and most of the cases, or with --each all of them. Exit codes: 0 done, 2 an image
or a network is missing.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import l2xbench
from l2xbench.data.images import read_image
from l2xbench.errors import RequestError
from l2xbench.zoo.network import Network

SIDE = 256
"""Side of a crop in HR pixels."""


class Case(NamedTuple):
    """A window (left, top, side in SR pixels) of a crop (left and top in HR pixels) of an image."""

    dataset: str
    image: str
    crop: tuple[int, int]
    window: tuple[int, int, int]


CASES = (
    Case("Set14", "img_002", (0, 64), (96, 80, 16)),
    Case("Set14", "img_009", (0, 0), (120, 95, 16)),
    Case("Urban100", "img_005", (300, 200), (100, 120, 24)),
    Case("Urban100", "img_060", (100, 100), (119, 115, 24)),
    Case("Urban100", "img_095", (100, 300), (140, 180, 16)),
    Case("Set14", "img_013", (0, 0), (100, 100, 16)),
    Case("Set14", "img_013", (100, 200), (60, 150, 24)),
    Case("Set14", "img_010", (150, 100), (120, 95, 16)),
)


def read_case(case: Case, root: Path) -> Tensor:
    """(1, 3, 64, 64) in [0, 1]: the case's crop, reduced.

    Raises:
        RequestError: there is no such HR image below `root`.
    """
    folder = root / case.dataset
    found = [path for path in folder.rglob(f"{case.image}*") if "LR" not in path.as_posix().removeprefix(str(root))]
    if not found:
        raise RequestError(f"--data-root {root}: holds no HR image {case.image} of {case.dataset}")
    left, top = case.crop
    crop = Image.fromarray(read_image(min(found))[top : top + SIDE, left : left + SIDE])
    small = np.asarray(crop.resize((SIDE // 4, SIDE // 4), Image.Resampling.BICUBIC))
    return torch.from_numpy(small / 255).float().permute(2, 0, 1)[None]


def index_of(network: Network, case: Case, lr: Tensor, steps: int) -> float:
    """The diffusion index of LAM's map of the case's window."""
    left, top, side = case.window
    target = f"patch:{top},{left},{side},{side}"
    values = l2xbench.explain(network, lr, method="lam", target=target, steps=steps).values[0]
    return l2xbench.diffusion_index(values.numpy())


def main(argv: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", help="cards' names, or NAME=CHECKPOINT")
    parser.add_argument("--data-root", type=Path, required=True, help="folder of Set14 and Urban100")
    parser.add_argument("--each", action="store_true", help="print the index of each case")
    parser.add_argument("--steps", type=int, default=50, help="of LAM's path; published: [%(default)s]")
    options = parser.parse_args(argv)
    try:
        return show(options)
    except RequestError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def show(options: argparse.Namespace) -> int:
    """Print the table, a row as soon as it is known."""
    images = [read_case(case, options.data_root) for case in CASES]
    heads = [case.image for case in CASES] if options.each else ["least", "most"]
    print(f"| network | mean | {' | '.join(heads)} |")
    print("| --- |" + " ---: |" * (len(heads) + 1))
    for said in options.models:
        name, _, path = said.partition("=")
        network = l2xbench.load_model(path or name)
        found = [index_of(network, case, lr, options.steps) for case, lr in zip(CASES, images, strict=True)]
        shown = [float(np.mean(found)), *(found if options.each else [min(found), max(found)])]
        print(f"| {name} | {' | '.join(f'{di:.2f}' for di in shown)} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
