"""The diffusion index of networks over the eight published cases of LAM.

    python scripts/diffusion_index.py edsr-compact rcan-compact --data SHARED/data --cases SHARED/golden/lam_carn_m.json

A case is a crop of 256 x 256 pixels of a photograph, reduced to 64 x 64, and a window of the SR image. The index (Gu
and Dong, CVPR 2021) is 100 (1 - the Gini coefficient) of the map's magnitude: 0 where one pixel holds all of it, 100
where all hold the same. Prints a row a network: the index of each case, and the mean. With --check MAPS.npz, the
published maps of CARN-M, its maps and indices are compared with them first, by its weights in --carn-m.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import l2xbench
from l2xbench.zoo.network import Network


def diffusion_index(values: Tensor) -> float:
    """100 (1 - Gini) of the magnitude of a map (C, H, W), summed over the channels and divided by its maximum.

    1e-7 is added to every pixel, as the published code does.
    """
    magnitude = values.sum(dim=0).abs().double().flatten()
    magnitude = (magnitude / magnitude.max() + 1e-7).sort().values
    n = magnitude.numel()
    rank = torch.arange(1, n + 1, dtype=torch.float64)
    gini = ((2 * rank - n - 1) * magnitude).sum() / (n * magnitude.sum())
    return float(100 * (1 - gini))


def read_case(case: dict[str, Any], data: Path) -> Tensor:
    """(1, 3, 64, 64) in [0, 1]: the case's crop, reduced by Pillow's bicubic."""
    folder, name = case["image"].split("/")
    found = sorted(path for path in (data / folder).rglob("*") if path.stem.split("_SRF")[0] == name)
    high = [path for path in found if "_LR" not in path.stem and "x4" not in path.stem and "LR" not in path.parent.name]
    if not high:
        raise SystemExit(f"error: {data / folder}: holds no {name}")
    top, left = case["hr_crop_top_left"]
    side = case["hr_crop"]
    with Image.open(high[0]) as image:
        crop = image.convert("RGB").crop((left, top, left + side, top + side))
    small = np.asarray(crop.resize((side // 4, side // 4), Image.Resampling.BICUBIC))
    return torch.from_numpy(small / 255).float().permute(2, 0, 1)[None]


def lam(network: Network, lr: Tensor, case: dict[str, Any], steps: int = 50) -> Tensor:
    """(3, 64, 64): LAM's map of the case's window."""
    target = f"patch:{case['h']},{case['w']},{case['window']},{case['window']}"
    return l2xbench.explain(network, lr, method="lam", target=target, steps=steps).values[0]


def check(cases: list[dict[str, Any]], maps: Path, weights: Path, data: Path) -> None:
    """Compare CARN-M's maps and indices with the published ones."""
    network = l2xbench.load_model("carn-m", weights=weights)
    published = np.load(maps)
    for case in cases:
        values = lam(network, read_case(case, data), case)
        golden = published[f"carn-m:{case['image']}:{case['w']},{case['h']},{case['window']}"]
        off = float(np.abs(values.numpy() - golden).max() / np.abs(golden).max())
        index = diffusion_index(values)
        print(
            f"{case['image']}: map off by {off:.1e} of its maximum; index {index:.5f}, published {case['di']:.5f}",
            flush=True,
        )
        if off > 1e-3 or abs(index - case["di"]) > 1e-3:
            raise SystemExit(f"error: {case['image']}: differs from what was published")


def main(argv: list[str] | None = None) -> int:
    """Exit code 1 where the check fails or an image is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="cards' names")
    parser.add_argument("--data", type=Path, required=True, help="folder of Set14 and Urban100")
    parser.add_argument("--cases", type=Path, required=True, help="the cases, a JSON list")
    parser.add_argument("--check", type=Path, help="the published maps of CARN-M")
    parser.add_argument("--carn-m", type=Path, help="the official weights of CARN-M")
    parser.add_argument("--steps", type=int, default=50, help="of LAM's path; published: [%(default)s]")
    options = parser.parse_args(argv)
    cases = json.loads(options.cases.read_text())
    if options.check:
        check(cases, options.check, options.carn_m, options.data)
    print("| network | " + " | ".join(case["image"] for case in cases) + " | mean |")
    print("| --- |" + " ---: |" * (len(cases) + 1))
    for name in options.models:
        network = l2xbench.load_model(name)
        maps = (lam(network, read_case(case, options.data), case, options.steps) for case in cases)
        indices = [diffusion_index(values) for values in maps]
        print(f"| {name} | " + " | ".join(f"{di:.2f}" for di in indices) + f" | {np.mean(indices):.2f} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
