"""What keeping freed memory (see `system/heap.py`) is worth: the same work in processes with and without it, in turn.

    python scripts/bench_heap.py --networks edsr_baseline,rcan,carn,swinir_light --repeats 3 --threads 2

Networks are those of `bench_attribution.py`. Each process gives the best of its runs; the table gives medians of those.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable

import torch
from bench_attribution import NETWORKS, chosen
from rich.console import Console
from rich.table import Table

from l2xbench.attribution import explain
from l2xbench.system import heap

RUNS = 4


def child(name: str, side: int, threads: int, keep: bool) -> None:
    """One process: seconds of a forward pass and of a map, and the most memory held (MiB), as JSON."""
    if keep:
        heap.keep_freed()
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    network = NETWORKS[name]().eval().requires_grad_(False)
    lr = torch.rand(1, 3, side, side)

    def forward() -> None:
        with torch.inference_mode():
            network(lr)

    found = {"forward": best(forward), "map": best(lambda: explain(network, lr, reference="mean"))}
    found["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(found))


def best(work: Callable[[], object]) -> float:
    """The shortest of some runs after one that is not counted, in seconds."""
    work()
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return min(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--networks", default="edsr_baseline,rcan,carn,swinir_light", help=f"of {', '.join(NETWORKS)}")
    parser.add_argument("--repeats", type=int, default=3, help="processes of each kind")
    parser.add_argument("--size", type=int, default=96, help="LR pixels on a side")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        warnings.simplefilter("ignore")
        child(options.child[0], options.size, options.threads, options.child[1] == "kept")
        return
    table = Table("network", "forward, s", "kept", "map, s", "kept", "peak, MiB", "kept", title="freed memory")
    for name in chosen(options.networks, list(NETWORKS), "--networks", parser):
        found: dict[str, list[dict[str, float]]] = {"plain": [], "kept": []}
        for _ in range(options.repeats):
            for kind, runs in found.items():
                command = [sys.executable, __file__, "--size", str(options.size), "--threads", str(options.threads)]
                said = subprocess.run([*command, "--child", name, kind], check=True, stdout=subprocess.PIPE, text=True)
                runs.append(json.loads(said.stdout.splitlines()[-1]))
        cells = [
            f"{statistics.median(run[what] for run in found[kind]):.{digits}f}"
            for what, digits in (("forward", 2), ("map", 2), ("peak", 0))
            for kind in found
        ]
        table.add_row(name, *cells)
    Console().print(table)


if __name__ == "__main__":
    main()
