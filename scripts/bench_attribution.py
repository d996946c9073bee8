"""What one attribution map costs, in gradients: seconds and peak memory, by network, size, batch and method.

    python scripts/bench_attribution.py --markdown cost.md
    python scripts/bench_attribution.py --networks edsr,swinir_light --methods floor,l2x --sizes 48 --batches 1,16
    python scripts/bench_attribution.py --networks edsr-compact --methods forward,l2x --sizes 48 --batches 1,4,8,16
    python scripts/bench_attribution.py --device cuda --methods floor,captured_gradient,l2x,captured

`l2x` is a map as it is made the first time, `captured` a replay of a recorded pass, and `captured_gradient` the same of
the unit. Methods of many steps and DeepLift are measured at the largest size, one image
at a time.

The unit is one gradient of the output's sum with respect to the image: a forward and a backward pass, parameters
frozen (their gradients are of no use to a map, and keeping what they need would flatter every ratio). All methods are
timed in turn within each repeat, so that a change in the machine's load meets them alike; the table gives medians.

Memory is the peak of the tensors that a call allocates and holds at once, above what was held before it: on CUDA the
allocator's count, on the CPU the bytes of all live tensor storages, counted by a TorchDispatchMode in a run of its
own. The latter does not see the scratch space inside one operator. Methods of many steps are measured for memory with
3 steps, of which each frees what the one before it took.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
import warnings
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from l2xbench.attribution import MethodError, explain
from l2xbench.attribution.captured import captured_bytes, free_captured, uncaptured
from l2xbench.attribution.captured.graphs import CAPTURES
from l2xbench.attribution.references import make_reference
from l2xbench.system import heap
from l2xbench.zoo.cards import bundled_cards
from l2xbench.zoo.load import load_model

SLOW_STEPS = 50
MEMORY_STEPS = 3
MOST_BEFORE = 6
"""Maps of a kind that may be made before one is recorded."""
MIB = 1 << 20


def edsr_baseline() -> nn.Module:
    from l2xbench.zoo.archs.edsr import EDSR

    return EDSR(3, 3, num_feat=64, num_block=16, upscale=4, img_range=1.0)


def rcan() -> nn.Module:
    from l2xbench.zoo.archs.rcan import RCAN

    return RCAN(3, 3, num_feat=64, num_group=5, num_block=4, upscale=4, img_range=1.0)


def carn() -> nn.Module:
    from l2xbench.zoo.archs.carn import CARN

    return CARN(scale=4)


LIGHT: dict[str, Any] = {
    "img_size": 64,
    "window_size": 8,
    "depths": [6, 6, 6, 6],
    "embed_dim": 60,
    "num_heads": [6, 6, 6, 6],
    "mlp_ratio": 2,
    "upscale": 4,
    "upsampler": "pixelshuffledirect",
    "resi_connection": "1conv",
}


def swinir_light() -> nn.Module:
    from spandrel.architectures.SwinIR import SwinIR

    return SwinIR(**LIGHT)


def dat_light() -> nn.Module:
    from spandrel.architectures.DAT import DAT

    return DAT(
        img_size=64, depth=[18], embed_dim=60, num_heads=[6], expansion_factor=2, split_size=[8, 32], upscale=4,
        resi_connection="3conv", upsampler="pixelshuffledirect",
    )  # fmt: skip


def swin2sr_light() -> nn.Module:
    from spandrel.architectures.Swin2SR import Swin2SR

    return Swin2SR(**LIGHT)


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "edsr_baseline": edsr_baseline,
    "rcan": rcan,
    "carn": carn,
    "swinir_light": swinir_light,
    "swin2sr_light": swin2sr_light,
    "dat_light": dat_light,
}


def gradient(network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> None:
    """The unit."""
    leaf = image.clone().requires_grad_(True)
    torch.autograd.grad(network(leaf).sum(), leaf)


def forward(network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> None:
    """The SR image alone."""
    with torch.no_grad():
        network(image)


def floor(network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> None:
    """What any method that compares with a reference must compute: its output, and a gradient."""
    with torch.no_grad():
        network(reference)
    gradient(network, image, reference, steps)


def deeplift(network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> None:
    """Captum's own, for the plain sum: `explain` would add two forward passes for the signs of the objective."""
    from captum.attr import DeepLift

    DeepLift(_Sum(network)).attribute(image, reference)


class _Sum(nn.Module):
    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        return self.network(images).flatten(1).sum(1)


class Graph:
    """A gradient as a CUDA graph, recorded when it is first asked for."""

    def __init__(self) -> None:
        self._of: tuple[nn.Module, torch.Size] | None = None

    def __call__(self, network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> None:
        if self._of != (network, image.shape):
            self._of, self._given = (network, image.shape), image.clone()
            self._capture = CAPTURES[image.device.type](self._gradient, image.device)
        self._given.copy_(image)
        self._capture.replay()

    def _gradient(self) -> tuple[Tensor, ...]:
        assert self._of is not None
        leaf = self._given.clone().requires_grad_(True)
        return torch.autograd.grad(self._of[0](leaf).sum(), leaf)


def eager(network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> float:
    """A map as it is made the first time."""
    with uncaptured():
        return explained("l2x", network, image, reference, steps)


def captured(network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> float:
    """A map by replay, from the third on."""
    error = explained("l2x", network, image, reference, steps)
    for _ in range(MOST_BEFORE):
        if captured_bytes(image.device):
            return error
        error = explained("l2x", network, image, reference, steps)
    raise RuntimeError("not recorded: too large for that, or it cannot be, which the log says then")


def explained(method: str, network: nn.Module, image: Tensor, reference: Tensor, steps: int) -> float:
    """A map as users make it; its completeness error."""
    options: dict[str, Any] = {"steps": steps} if method in ("integrated_gradients", "lam") else {}
    result = explain(network, image, reference=reference, method=method, **options)
    return result.completeness_error.max().item()


Call = Callable[[nn.Module, Tensor, Tensor, int], "float | None"]
METHODS: dict[str, Call] = {
    "gradient": gradient,
    "forward": forward,
    "floor": floor,
    "captured_gradient": Graph(),
    "l2x": eager,
    "captured": captured,
    "deeplift": deeplift,
    "integrated_gradients": partial(explained, "integrated_gradients"),
    "lam": partial(explained, "lam"),
}
LABELS = {
    "gradient": "gradient",
    "floor": "gradient + forward",
    "captured_gradient": "gradient, captured",
    "captured": "l2x, captured",
    "deeplift": "DeepLift (Captum)",
    "integrated_gradients": f"integrated gradients, {SLOW_STEPS}",
    "lam": f"LAM, {SLOW_STEPS}",
}
SLOW = ("integrated_gradients", "lam")
ONCE = ("deeplift", *SLOW)
"""Measured at the largest size alone, one image at a time."""
CAPTURED = ("captured_gradient", "captured")
"""Where passes can be recorded."""


@dataclass
class Cost:
    """One method on one network."""

    seconds: list[float] = field(default_factory=list)
    peak: int = 0
    error: float | None = None
    failure: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of tensor storages that were made inside it and are alive, and their peak."""

    def __init__(self) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._alive: dict[int, weakref.ref] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(kind not in (Tensor, nn.Parameter) for kind in types):
            return NotImplemented  # a tensor of another kind takes its operation apart first; its parts come back here
        known = {id(t.untyped_storage()) for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor) and id(tensor.untyped_storage()) not in known:
                self._count(tensor.untyped_storage())
        return result

    def _count(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._alive:
            return

        def gone(_: object) -> None:
            self.now -= size
            del self._alive[key]

        self._alive[key] = weakref.ref(storage, gone)
        self.now += size
        self.peak = max(self.peak, self.now)


def peak_bytes(run: Callable[[], float | None], device: torch.device) -> tuple[int, float | None]:
    """The most that a call holds at once, above what is held now; and what it returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        result = run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before, result
    with LiveBytes() as live:
        result = run()
    return live.peak, result


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def timed(
    run: Callable[[], float | None], device: torch.device, clock: Callable[[], float]
) -> tuple[float, float | None]:
    """Seconds of a call, and what it returns."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    start = clock()
    result = run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - start, result


def measure(name: str, size: int, batch: int, methods: list[str], args: argparse.Namespace) -> dict[str, Cost]:
    """The costs of these methods on one network, interleaved."""
    torch.manual_seed(0)
    device = torch.device(args.device)
    free_captured()
    network = (NETWORKS[name]() if name in NETWORKS else load_model(name)).eval().requires_grad_(False).to(device)
    image = torch.rand(batch, 3, size, size, device=device)
    reference = make_reference("blur", image)
    costs = {method: Cost() for method in methods}
    for method, cost in costs.items():  # the run for memory warms up what the timed ones need
        run = partial(METHODS[method], network, image, reference, MEMORY_STEPS)
        try:
            cost.peak, cost.error = peak_bytes(run, device)
            if method == "captured":  # what it holds from then on
                cost.peak = captured_bytes(device)
            if method == "deeplift":
                cost.error = explained(method, network, image, reference, 0)
        except (MethodError, RuntimeError, AssertionError) as failure:
            if method == "l2x":
                raise
            cost.failure = " ".join(str(failure).split())
    for repeat in track(range(args.repeats), description=f"{name}, {batch} of {size} x {size}", transient=True):
        for method, cost in costs.items():
            if cost.failure or (method in SLOW and repeat >= args.slow_repeats):
                continue
            run = partial(METHODS[method], network, image, reference, SLOW_STEPS)
            elapsed, error = timed(run, device, CLOCKS[args.clock])
            cost.seconds.append(elapsed)
            cost.error = error if method in SLOW else cost.error
    return costs


HEADER = ["network", "LR", "batch", "method", "seconds", "gradients", "peak MiB", "of a gradient's", "error"]


def rows(name: str, size: int, batch: int, costs: dict[str, Cost]) -> list[list[str]]:
    place = [name, str(size), str(batch)]
    unit = costs["gradient"]
    table = []
    for method, cost in costs.items():
        label = LABELS.get(method, method)
        if cost.failure:
            table.append([*place, label, "raises", "", "", "", ""])
            continue
        table.append(
            [
                *place,
                label,
                f"{cost.median:.3f}",
                f"{cost.median / unit.median:.2f}",
                f"{cost.peak / MIB:.1f}",
                f"{cost.peak / unit.peak:.2f}",
                "" if cost.error is None else f"{cost.error:.1e}",
            ]
        )
    return table


def show(console: Console, name: str, table: list[list[str]]) -> None:
    screen = Table(title=name)
    for number, title in enumerate(HEADER[3:]):
        screen.add_column(title, justify="right" if number else "left", no_wrap=True)
    for row in table:
        screen.add_row(*row[3:])
    console.print(screen)


def markdown(table: list[list[str]], setting: str, failures: list[str]) -> str:
    lines = [
        setting,
        "",
        "| " + " | ".join(HEADER) + " |",
        "| --- | ---: | ---: | --- |" + " ---: |" * (len(HEADER) - 4),
    ]
    lines += ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([*lines, "", *[f"- {failure}" for failure in failures]]).rstrip() + "\n"


def chosen(text: str, allowed: list[str], flag: str, parser: argparse.ArgumentParser) -> list[str]:
    names = text.split(",")
    wrong = [name for name in names if name not in allowed]
    if wrong:
        parser.error(f"{flag}: {wrong[0]!r} is not one of {', '.join(allowed)}")
    return names


def whole(text: str, flag: str, parser: argparse.ArgumentParser) -> list[int]:
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)*", text):
        parser.error(f"{flag}: {text!r} is no list of whole numbers above 0, such as 48,96")
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--networks",
        default=",".join(NETWORKS),
        help="comma-separated, or cards such as edsr-compact (default: %(default)s)",
    )
    parser.add_argument("--methods", default=",".join(METHODS), help="comma-separated (default: all)")
    parser.add_argument("--sizes", default="48,96", help="sides of the LR image in pixels (default: %(default)s)")
    parser.add_argument("--batches", default="1,16", help="images at a time (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=5, help="timed repeats of each method")
    parser.add_argument("--slow-repeats", type=int, default=1, help=f"repeats of the {SLOW_STEPS}-step methods")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, help="CPU threads (default: PyTorch's)")
    parser.add_argument(
        "--clock",
        choices=list(CLOCKS),
        default="wall",
        help="cpu: this process's CPU time, for a shared machine",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table there")
    args = parser.parse_args()
    networks = chosen(args.networks, [*NETWORKS, *bundled_cards()], "--networks", parser)
    methods = list(dict.fromkeys(["gradient", *chosen(args.methods, list(METHODS), "--methods", parser)]))
    on_cuda = args.device.startswith("cuda")
    methods = [method for method in methods if torch.device(args.device).type in CAPTURES or method not in CAPTURED]
    sizes, batches = whole(args.sizes, "--sizes", parser), whole(args.batches, "--batches", parser)
    if args.threads:
        torch.set_num_threads(args.threads)
    heap.keep_freed()  # as `l2xbench run` does

    where = torch.cuda.get_device_name() if on_cuda else f"{torch.get_num_threads()} CPU threads"
    setting = f"x4, float32, {where}, PyTorch {torch.__version__}, {args.clock} time, median of {args.repeats}"
    warnings.filterwarnings("ignore", message=".*(hooks|did not already require gradients|meshgrid)")  # not ours
    console = Console()
    console.print(setting)
    table: list[list[str]] = []
    failures: list[str] = []
    for name, size, batch in product(networks, sizes, batches):
        whole_table = size == max(sizes) and batch == min(batches)
        costs = measure(name, size, batch, [m for m in methods if whole_table or m not in ONCE], args)
        table += rows(name, size, batch, costs)
        failures += [f"{LABELS.get(m, m)} on {name}: {c.failure}" for m, c in costs.items() if c.failure]
        show(console, f"{name}, {batch} of {size} x {size}", rows(name, size, batch, costs))
        if args.markdown:  # after each network, so that a run cut short leaves what it measured
            args.markdown.write_text(markdown(table, setting, failures))
    for failure in failures:
        console.print(failure, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
