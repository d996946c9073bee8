"""A GPU's numbers beside the CPU's, a line a network: how far apart they are, what they take, what memory stays.

    python scripts/compare_devices.py IMAGE_FOLDER --models edsr-compact,carn-m=./carn_m.pth --images 3

Centre crops of the folder's first images are super-resolved and explained (L2X, reference `mean`) by the code that a
study runs, on both devices. Printed are the largest differences over the images in PSNR (dB) and in the maps (norm of
the difference over the CPU map's norm), how far the CPU's float32 maps are from its float64 ones (rounding: at a kink
the last bit decides), the largest completeness error on the device, median seconds of a map there and on the CPU, and
the device's memory (MiB): at the peak, and held once the network is let go. Exit code 1 where PSNR differs by more
than 0.01 dB or a map by more than 1e-3. `--precision float64` compares maps in float64. Where no GPU is at hand,
`--device plain` is the CPU with PyTorch's own kernels instead of oneDNN's: other sums in another order, as on another
device.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from bench_passes import COMPACT

from l2xbench.data.datasets import LoadedPair, open_dataset
from l2xbench.run.jobs import Job, Position, Settings
from l2xbench.run.worker import Worker
from l2xbench.store.units import Outcome, Unit
from l2xbench.zoo.load import Source, locate

MAP = {"method": "l2x", "reference": "mean", "target": "image", "strict": False, "seed": 0}
SR = {"colour": "y", "border": 4}
PLAIN = "plain"
PSNR_WITHIN = 0.01
MAP_WITHIN = 1e-3


@dataclass(frozen=True)
class Found:
    """What one device made of one image."""

    psnr: float
    values: np.ndarray
    error: float
    seconds: float


def on_device(model: str, pairs: Sequence[LoadedPair], device: str, precision: str) -> list[Found]:
    """SR image and map of each image; the network is let go at the end. The first image comes twice, to warm up."""
    worker = Worker(Settings(4, "cpu" if device == PLAIN else device, False))
    card, _, weights = model.partition("=")
    source = locate(card, weights or None)
    found = []
    for pair in [pairs[0], *pairs]:
        with kernels(device):
            sr, explained = (
                outcome_of(worker, job_of(source, pair, study, label, options))
                for study, label, options in (
                    ("restoration", "", SR),
                    ("attribution", "l2x", {**MAP, "precision": precision}),
                )
            )
        found.append(
            Found(
                sr.values["psnr"],
                explained.arrays["attribution"]["values"],
                explained.values["completeness_error"],
                explained.values["seconds"],
            )
        )
    worker.close()
    return found[1:]


def kernels(device: str) -> AbstractContextManager[Any]:
    """oneDNN's where PyTorch takes them, but for the device `plain`."""
    return torch.backends.mkldnn.flags(enabled=False) if device == PLAIN else nullcontext()


def job_of(source: Source, pair: LoadedPair, study: str, label: str, options: dict[str, Any]) -> Job:
    """What a study's run would hand to a worker."""
    unit = Unit(study, 1, "images", pair.name, source.card.name, label, options)
    return Job(unit, f"{study} {pair.name}", Position(0, 0, 0, 0), source, source.identity(), pair, pair.digest, None)


def outcome_of(worker: Worker, job: Job) -> Any:
    """The unit's outcome, whole; what went wrong ends the script."""
    done = worker.run(job)
    if not isinstance(done.outcome, Outcome):
        raise SystemExit(f"{job.unit.model} on {worker.device}: {done.reason}")
    return done.outcome.finished()


def memory(device: torch.device) -> tuple[float, float]:
    """The most that was held at a time, and what is held now, in MiB; zeros on a CPU."""
    if device.type != "cuda":
        return 0.0, 0.0
    return torch.cuda.max_memory_allocated(device) / 2**20, torch.cuda.memory_allocated(device) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="of images, as a study's datasets")
    parser.add_argument("--models", default=",".join(COMPACT))
    parser.add_argument("--images", type=int, default=3)
    parser.add_argument("--crop", type=int, default=96, help="LR pixels on a side")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="float32", choices=("float32", "float64"))
    chosen = parser.parse_args()
    device = torch.device("cpu" if chosen.device == PLAIN else chosen.device)
    pairs = [pair.load(4, chosen.crop) for pair in open_dataset("images", chosen.folder, 4, chosen.images).pairs]
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else chosen.device
    print(
        f"{where} against {torch.get_num_threads()} CPU threads, {len(pairs)} crops of "
        f"{chosen.crop} x {chosen.crop}, maps in {chosen.precision}"
    )
    heads = ("PSNR off", "map off", "rounding", "completeness", "seconds", "on the CPU", "peak MiB", "left MiB")
    print(f"{'network':26} " + " ".join(f"{head:>12}" for head in heads))
    wrong = []
    for model in chosen.models.split(","):
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        there = on_device(model, pairs, chosen.device, chosen.precision)
        peak, left = memory(device)
        here = on_device(model, pairs, "cpu", chosen.precision)
        psnr = max(abs(one.psnr - other.psnr) for one, other in zip(there, here, strict=True))
        exact = here if chosen.precision == "float64" else on_device(model, pairs, "cpu", "float64")
        maps, rounding = farthest(there, here), farthest(here, exact)
        error = max(one.error for one in there)
        seconds, cpu = (median(one.seconds for one in found) for found in (there, here))
        name = Path(model.partition("=")[0]).name
        print(
            f"{name:26} {psnr:12.1e} {maps:12.1e} {rounding:12.1e} {error:12.1e} {seconds:12.4f} {cpu:12.3f} "
            f"{peak:12.0f} {left:12.1f}",
            flush=True,
        )
        if not (psnr <= PSNR_WITHIN and maps <= MAP_WITHIN):
            wrong.append(model)
    if wrong:
        raise SystemExit(f"off by more than {PSNR_WITHIN} dB or {MAP_WITHIN} of a map: {', '.join(wrong)}")


def farthest(found: Sequence[Found], true: Sequence[Found]) -> float:
    """The largest distance of a map from the same image's in `true`, in norms of that."""
    pairs = zip(found, true, strict=True)
    return max(float(np.linalg.norm(one.values - other.values) / np.linalg.norm(other.values)) for one, other in pairs)


if __name__ == "__main__":
    main()
