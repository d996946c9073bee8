"""What a map costs, in gradients, on each architecture of spandrel in its default size: one line a network.

    python scripts/bench_architectures.py --size 48 --repeats 5
    python scripts/bench_architectures.py --only SPAN,SwinIR --profile

On small inputs the Python of each operation decides, not arithmetic. In one thread, in turn: a gradient (a forward and
a backward pass, the parameters frozen), a map as the first ones of a kind are made, and a map as the later ones are,
which replay a recorded list of operations where the network allows it. Printed is the gradient's time and the two
ratios, of medians in CPU time of the thread, which other processes lengthen less. Networks whose gradient takes longer
than `--longest` seconds, or next to nothing, are left out, which is said.
"""

from __future__ import annotations

import argparse
import copy
import cProfile
import importlib
import inspect
import pkgutil
import pstats
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import spandrel.architectures
import torch
from bench_attribution import LIGHT
from torch import Tensor, nn

from l2xbench.attribution import explain
from l2xbench.attribution.captured import captured_bytes, free_captured, uncaptured
from l2xbench.system import heap

SIZES: dict[str, dict[str, Any]] = {
    "SPAN": {"num_in_ch": 3, "num_out_ch": 3},
    "SAFMN": {"dim": 36},
    "SwinIR": LIGHT,
    "Swin2SR": LIGHT,
}
"""Published sizes of those that have no size of their own."""


def architectures() -> Iterator[tuple[str, type[nn.Module]]]:
    """The networks that the packages of spandrel load."""
    for found in pkgutil.iter_modules(spandrel.architectures.__path__):
        if found.name.startswith("__"):
            continue
        package = importlib.import_module(f"spandrel.architectures.{found.name}")
        for name, member in inspect.getmembers(package, inspect.isclass):
            inner = f"spandrel.architectures.{found.name}.__arch"
            if issubclass(member, nn.Module) and member.__module__.startswith(inner):
                yield name, member


def calls(network: nn.Module, image: Tensor, output: int | None) -> tuple[Callable[[], None], ...]:
    """A gradient, a map as the first ones are made, and one as the later ones are."""
    plain = copy.deepcopy(network)  # some networks change themselves when they run

    def gradient() -> None:
        leaf = image.clone().requires_grad_()
        result = plain(leaf.clone())  # some write to their input
        result = result if isinstance(result, Tensor) else result[output]
        torch.autograd.grad(result.sum(), leaf)

    def explained() -> None:
        explain(network, image, output=output, precision="float32")

    def first() -> None:
        with uncaptured():
            explained()

    return gradient, first, explained


def seconds(call: Callable[[], None]) -> float:
    """CPU time of a call."""
    start = time.thread_time()
    call()
    return time.thread_time() - start


def main() -> None:
    """Prints the table, and the median and the worst of all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=48, help="side of the LR image in pixels")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--longest", type=float, default=2.0, help="seconds of a gradient above which one is left out")
    parser.add_argument("--shortest", type=float, default=0.005, help="and below which (a default of no size at all)")
    parser.add_argument("--only", default="", help="comma-separated names of classes")
    parser.add_argument("--profile", action="store_true", help="print where the time of each map goes")
    args = parser.parse_args()
    torch.set_num_threads(1)
    heap.keep_freed()  # as a run does
    warnings.simplefilter("ignore")
    ratios: dict[str, tuple[float, float]] = {}
    wanted = args.only.split(",") if args.only else []
    for name, build in architectures():
        if wanted and name not in wanted:
            continue
        torch.manual_seed(0)
        try:
            network = build(**SIZES.get(name, {})).eval().requires_grad_(False)
        except Exception as error:
            print(f"{name:20} not built: {' '.join(str(error).split())[:100]}", flush=True)
            continue
        channels = next(
            (m.in_channels for m in network.modules() if isinstance(m, nn.Conv2d) and m.in_channels in (1, 3, 4)), 3
        )
        image = torch.rand(1, channels, args.size, args.size)
        try:
            with torch.no_grad():
                result = network(image)
            gradient, first, later = calls(network, image, None if isinstance(result, Tensor) else 0)
            longest = seconds(gradient)
            if not args.shortest < longest < args.longest:
                print(f"{name:20} left out: a gradient takes {longest:.3f} s", flush=True)
                continue
            for _ in range(6):  # the fifth is recorded
                later()
        except Exception as error:
            print(f"{name:20} not run: {' '.join(str(error).split())[:100]}", flush=True)
            continue
        found = [[seconds(call) for call in (gradient, first, later)] for _ in range(args.repeats)]
        unit, eager, replay = (statistics.median(each) for each in zip(*found, strict=True))
        ratios[name] = eager / unit, replay / unit
        recorded = "" if captured_bytes(image.device) else "  (cannot be recorded)"
        print(f"{name:20} {unit:8.3f} s {eager / unit:6.2f} {replay / unit:6.2f}{recorded}", flush=True)
        free_captured()
        if args.profile:
            profile = cProfile.Profile()
            profile.runcall(first)
            pstats.Stats(profile).sort_stats("tottime").print_stats(30)
    for number, label in enumerate(("first maps", "later maps")):
        if ratios:
            worst = max(ratios, key=lambda each: ratios[each][number])
            middle = statistics.median(ratio[number] for ratio in ratios.values())
            print(f"{label}: {len(ratios)} networks, median {middle:.2f}, worst {ratios[worst][number]:.2f} ({worst})")


if __name__ == "__main__":
    main()
