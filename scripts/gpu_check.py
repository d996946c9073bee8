"""All that waits for a GPU, in ten minutes: tests, the cost of maps, and a study by recorded passes and without.

    python scripts/gpu_check.py --data-root FOLDER --out results/gpu
    python scripts/gpu_check.py --device cpu --quick --out results/try

It runs the tests that need a device, `bench_attribution.py` (eager and captured, 1 and 16 images, 48 and 96 pixels),
and Urban100's first images by EDSR, RCAN and SwinIR in their published sizes with random weights, once with every pass
made as ever and once by replays, whose tables and maps must be the same. Where no folder holds Urban100, the study is
of the photographs that scikit-image brings, and says so. What does not fit into `--minutes` is left out, and said to
be. `--quick` is the same with networks and images so small that a CPU does it in minutes, to try the script itself.

The exit code is 1 where a test fails or the two runs of the study differ.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

import l2xbench
from l2xbench.attribution.captured import captured_bytes, free_captured, uncaptured

HERE = Path(__file__).resolve().parents[1]
NETWORKS = "edsr_baseline,rcan,carn,swinir_light,swin2sr_light,dat_light"
MIB = 1 << 20
STUDIED = {name: {"card": name, "weights": "random"} for name in ("edsr", "rcan", "swinir")}
QUICK: Mapping[str, Any] = {
    name: {"provider": "l2xbench", "arch": {"type": "CARN", "n_feats": 4, "n_blocks": blocks}, "weights": "random"}
    for name, blocks in (("small", 1), ("smaller", 2))
}
"""Small networks in their place."""
AGREE = 1e-5
"""How far the maps of the two runs may be apart, as a part of the largest value."""


def study(args: argparse.Namespace) -> dict[str, Any]:
    """The study, as its YAML would say it."""
    dataset: dict[str, Any] = {"path": "Urban100"} if args.data_root else {"path": "skimage"}
    dataset["images"] = args.images
    if args.quick or not args.data_root:
        dataset["crop"] = 24 if args.quick else 192
    return {
        "study": "gpu-check",
        "device": args.device,
        "models": QUICK if args.quick else STUDIED,
        "datasets": {"images": dataset},
        "attribution": {"methods": ["l2x"]},
        "ablation": {},
        "similarity": {"size": 16, "crops": 8} if args.quick else {},
        "heatmaps": None,
        "seed": 0,
    }


def run_study(args: argparse.Namespace, left: Callable[[], float]) -> bool:
    """The study twice; whether both runs say the same."""
    seconds: dict[str, float] = {}
    warm = study(args)
    warm["datasets"]["images"]["images"] = 1
    for name, how in (("warm-up", nullcontext), ("eager", uncaptured), ("captured", nullcontext)):
        if left() < seconds.get("eager", 0):
            print(f"study, {name}: left out, no time")
            return True
        folder = args.out / name
        shutil.rmtree(folder, ignore_errors=True)
        free_captured()
        began = time.perf_counter()
        with how(), (args.out / f"{name}.log").open("w") as log, redirect_stdout(log):
            l2xbench.run_study(warm if name == "warm-up" else study(args), folder, data_root=args.data_root)
        seconds[name] = time.perf_counter() - began
        held = captured_bytes(torch.device(args.device)) / MIB
        print(f"study, {name}: {seconds[name]:.1f} s, {held:.0f} MiB held by recorded passes at its end", flush=True)
    images = "Urban100" if args.data_root else "scikit-image's photographs, no Urban100 was given"
    ratio = map_seconds(args.out / "captured") / map_seconds(args.out / "eager")
    print(
        f"study of {args.images} images ({images}): captured / eager {seconds['captured'] / seconds['eager']:.2f} in "
        f"all, {ratio:.2f} of its maps"
    )
    return same(args.out / "eager", args.out / "captured")


def map_seconds(folder: Path) -> float:
    """What the study's maps of whole images took."""
    cost = pd.read_csv(folder / "tables/cost.csv")
    maps = cost[cost["method"] == "l2x"]
    return float((maps["seconds"] * maps["images"]).sum())


def same(one: Path, other: Path) -> bool:
    """Whether two results folders hold the same maps and tables, but for rounding."""
    worst = 0.0
    for path in sorted(one.glob("attributions/**/*.npz")):
        with np.load(path) as a, np.load(other / path.relative_to(one)) as b:
            worst = max(worst, float(np.abs(a["values"] - b["values"]).max() / np.abs(a["values"]).max()))
    print(f"maps: {worst:.1e} of the largest value apart at most")
    fits = worst <= AGREE
    for name in ("restoration", "ablation", "cka"):
        a, b = (pd.read_csv(folder / f"tables/{name}.csv").select_dtypes("number") for folder in (one, other))
        off = float((a - b).filter(regex="^(?!.*seconds)").abs().max().max())
        print(f"tables/{name}: {off:.1e} apart at most")
        fits &= off < 1e-3
    return fits


def run(title: str, command: list[str], left: float) -> bool:
    """A command of at most so many seconds; whether it succeeded."""
    print(f"== {title}", flush=True)
    began = time.perf_counter()
    try:
        code = subprocess.run(command, cwd=HERE, timeout=max(left, 1), check=False).returncode
    except subprocess.TimeoutExpired:
        print(f"== {title}: cut short after {left:.0f} s")
        return True
    print(f"== {title}: {time.perf_counter() - began:.0f} s, exit code {code}", flush=True)
    return code == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--data-root", type=Path, metavar="FOLDER", help="where Urban100 lies")
    parser.add_argument("--out", type=Path, default=Path("results/gpu"), help="for tables and the study's results")
    parser.add_argument("--images", type=int, default=10, help="images of the study")
    parser.add_argument("--minutes", type=float, default=9.5, help="for all of it")
    parser.add_argument("--quick", action="store_true", help="small networks and images")
    args = parser.parse_args()
    if args.device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("--device cuda: there is none here; --device cpu --quick tries the script")
    args.out.mkdir(parents=True, exist_ok=True)
    args.out = args.out.resolve()
    end = time.monotonic() + 60 * args.minutes

    def left() -> float:
        return float(end - time.monotonic())

    name = torch.cuda.get_device_name() if args.device.startswith("cuda") else "CPU"
    print(f"{name}, PyTorch {torch.__version__}, l2xbench {l2xbench.__version__}", flush=True)
    python = sys.executable
    tests = [
        "-m",
        "gpu",
        "tests/stories/test_gpu.py",
        "tests/attribution/test_explain.py",
        "-q",
        "-p",
        "no:cacheprovider",
        "--timeout",
        "240",
    ]
    fine = run("tests", [python, "-m", "pytest", *tests], left())
    size = ["--sizes", "12,16", "--batches", "1,2", "--repeats", "2"] if args.quick else ["--repeats", "9"]
    networks = "carn" if args.quick else NETWORKS
    methods = "floor,captured_gradient,l2x,captured"
    bench = ["scripts/bench_attribution.py", "--device", args.device, "--networks", networks, "--methods", methods]
    fine &= run("cost", [python, *bench, *size, "--markdown", str(args.out / "cost.md")], left() / 2)
    print("== study", flush=True)
    fine &= run_study(args, left)
    print("all is well" if fine else "something is amiss")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
