"""Peak memory of super-resolving one LR image, each network in a process of its own.

    python scripts/measure_memory.py --models san,rnan --size 256 --limit 4

prints a line per network and exits with 1 if one needs more than the limit. The weights are random: they do not matter.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

GIB = 2**30


def measure(name: str, size: int) -> tuple[float, float]:
    """(peak resident memory in GiB, seconds) of a fresh process that runs the network `name` once."""
    command = [sys.executable, __file__, "--child", name, "--size", str(size)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    peak, seconds = out.split()
    return float(peak), float(seconds)


def run_once(name: str, size: int) -> None:
    """The work of the fresh process; prints what `measure` reads."""
    import torch

    import l2xbench

    network = l2xbench.load_model(name, weights="random")
    lr = torch.rand(1, 3, size, size)
    start = time.perf_counter()
    with torch.inference_mode():
        sr = network(lr)
    seconds = time.perf_counter() - start
    assert sr.shape[-2:] == (network.scale * size, network.scale * size)
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes on macOS, in KiB on Linux
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / GIB, seconds)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--models", default="san,rnan", help="names of model cards, with commas")
    parser.add_argument("--size", type=int, default=256, help="height and width of the LR image")
    parser.add_argument("--limit", type=float, default=4.0, help="GiB that no network may exceed")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        run_once(arguments.child, arguments.size)
        return 0
    exceeded = False
    for name in arguments.models.split(","):
        peak, seconds = measure(name, arguments.size)
        exceeded |= peak > arguments.limit
        print(f"{name}: {peak:.2f} GiB peak, {seconds:.0f} s, LR {arguments.size} x {arguments.size}", flush=True)
    return int(exceeded)


if __name__ == "__main__":
    sys.exit(main())
