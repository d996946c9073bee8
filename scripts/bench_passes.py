"""What quicker passes (`inference:` in a study) gain, and whether they stay within 0.001 dB: one line a network.

    python scripts/bench_passes.py IMAGE_FOLDER --models edsr-compact,rcan-compact --threads 2

Each network is run in its plain passes and in those of each kind, interleaved, on the centre crop of the first image
with HR; printed is how many times as fast each is (medians), or why it is not taken.
"""

from __future__ import annotations

import argparse
import time
from statistics import median

import torch

from l2xbench import load_model
from l2xbench.data import images
from l2xbench.data.datasets import open_dataset
from l2xbench.run.devices import forbid_tf32
from l2xbench.studies.shared.inference import Upscaler, super_resolve
from l2xbench.studies.shared.passes import passes_of
from l2xbench.system import heap
from l2xbench.zoo.cards import bundled_cards
from l2xbench.zoo.network import Network

COMPACT = [name for name in bundled_cards() if name.endswith("-compact")]
KINDS = ["inference_mode", "channels_last", "autocast", "compile"]


def seconds(upscale: Upscaler, lr: torch.Tensor) -> float:
    """One pass."""
    started = time.perf_counter()
    super_resolve(upscale, lr)
    if lr.is_cuda:
        torch.cuda.synchronize(lr.device)
    return time.perf_counter() - started


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", help="of images, as a study's datasets")
    parser.add_argument("--models", default=",".join(COMPACT))
    parser.add_argument("--kinds", default=",".join(KINDS), help="of these")
    parser.add_argument("--crop", type=int, default=128, help="LR pixels on a side")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int, default=5)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    heap.keep_freed()  # as a run does
    kinds = chosen.kinds.split(",")
    pair = open_dataset("images", chosen.folder, 4, 1).pairs[0].load(4, chosen.crop)
    lr = images.to_tensor(pair.lr).to(chosen.device)
    forbid_tf32()  # as a run does
    print(f"{'network':18} {'plain, s':>9} " + " ".join(f"{kind:>15}" for kind in kinds))
    for name in chosen.models.split(","):
        # a network keeps what was decided for it: one copy a kind
        networks: dict[str, Network] = {kind: load_model(name, device=chosen.device) for kind in kinds}
        passes = {
            kind: passes_of(network, {"inference": [kind], "border": 4, "colour": "y"}, pair)
            for kind, network in networks.items()
        }
        plain = load_model(name, device=chosen.device)
        quick = {kind: each for kind, each in passes.items() if not each.told.startswith("plain")}
        times: dict[str, list[float]] = {kind: [] for kind in ("", *quick)}
        for repeat in range(chosen.repeats + 1):
            for kind, spent in times.items():
                took = seconds(quick[kind].network if kind else plain, lr)
                if repeat:  # the first warms up
                    spent.append(took)
        base = median(times[""])
        shown = [f"{base / median(times[kind]):15.2f}" if kind in quick else f"{'not taken':>15}" for kind in kinds]
        print(f"{name:18} {base:9.3f} " + " ".join(shown))
        for kind in kinds:
            if kind not in quick:
                print(f"    {kind}: {passes[kind].told}")


if __name__ == "__main__":
    main()
