"""What `explain(..., layers="blocks")` costs beside a map alone: seconds and peak memory, interleaved in one run.

    python scripts/bench_layers.py --networks rcan,swinir-light --repeats 5 --size 48

Networks have their architecture's initial weights: cost is a matter of operations. Each repeat times the map, then the
map with all blocks, on the same image; the table gives medians and the median of the repeats' own ratios. Memory is
the peak of the process's live tensors above what was held before, counted in a run of its own.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial

import torch
from bench_attribution import peak_bytes
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from l2xbench import explain, load_model


def seconds(run: Callable[[], object]) -> float:
    """The processor's time that one call takes: other work on the machine does not count."""
    started = time.process_time()
    run()
    return time.process_time() - started


def completeness(network: nn.Module, image: Tensor, layers: str | None) -> float:
    """One map; gives its completeness error."""
    return float(explain(network, image, layers=layers).completeness_error)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", default="rcan,swinir-light")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--size", type=int, default=48, help="LR pixels on a side")
    parser.add_argument("--layers", default="blocks")
    given = parser.parse_args()
    table = Table("network", "layers", "map [s]", "with layers [s]", "ratio", "map [MB]", "with layers [MB]")
    for name in given.networks.split(","):
        network = load_model(name, weights="random")
        torch.manual_seed(0)
        image = torch.rand(1, 3, given.size, given.size)
        alone, inside = [], []
        count = len(explain(network, image, layers=given.layers).layers)
        map_alone = partial(completeness, network, image, None)
        map_inside = partial(completeness, network, image, given.layers)
        for _ in range(given.repeats):
            alone.append(seconds(map_alone))
            inside.append(seconds(map_inside))
        ratio = statistics.median(b / a for a, b in zip(alone, inside, strict=True))
        peaks = [peak_bytes(run, image.device)[0] for run in (map_alone, map_inside)]
        table.add_row(
            name,
            str(count),
            f"{statistics.median(alone):.2f}",
            f"{statistics.median(inside):.2f}",
            f"{ratio:.3f}",
            *(f"{peak / 1e6:.0f}" for peak in peaks),
        )
    Console().print(table)


if __name__ == "__main__":
    main()
