"""How long PyTorch's threads should look for work before they sleep (see `system/threads.py`): a study run with each.

    python scripts/bench_waiting.py my_study.yaml --data-root ~/data --spins 100,3000,12000,300000 --repeats 3

300000 is what GNU's OpenMP does where nobody says otherwise. Each run is a process of its own, in turn, by
`profile_study.py` with one worker of as many threads as there are cores; a row has the medians of what it prints, and
of the whole process's seconds: for the maps, the SR images (`SR`), PSNR and SSIM, and figures.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from l2xbench.system import cores
from l2xbench.system.threads import SPINS

PARTS = {
    "explain": r"networks: explain",
    "SR": r"networks: super-resolve",
    "PSNR and SSIM": r"PSNR and SSIM",
    "figures": r"figures: draw and save",
}


def run(study: Path, data: Path | None, spins: str) -> list[float]:
    """Seconds of one run and of its parts, and the share outside the networks in per cent."""
    profile = Path(__file__).with_name("profile_study.py")
    command = [sys.executable, str(profile), str(study), "--workers", "1", "--set", f"threads={cores.count()}"]
    started = time.perf_counter()
    done = subprocess.run(
        command if data is None else [*command, "--data-root", str(data)],
        env={**os.environ, "GOMP_SPINCOUNT": spins},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    outside = re.search(r"outside the networks: ([\d.]+)%", done.stdout)
    if done.returncode or outside is None:
        raise SystemExit(f"{study}: was not run to its end")
    found = [re.search(rf"^{part} +([\d.]+)", done.stdout, re.MULTILINE) for part in PARTS.values()]
    return [seconds, *(float(part[1]) if part else 0.0 for part in found), float(outside[1])]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--spins", default=f"100,{SPINS},300000")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    spins = chosen.spins.split(",")
    found: dict[str, list[list[float]]] = {each: [] for each in spins}
    for repeat in range(chosen.repeats):
        first = repeat % len(spins)  # a machine warms up, and slows down: no kind is always the first
        for each in [*spins[first:], *spins[:first]]:
            found[each].append(run(chosen.study, chosen.data_root, each))
    table = Table("looks", "seconds", *PARTS, "outside, %", title=chosen.study.stem)
    for each, runs in found.items():
        table.add_row(each, *(f"{median(column):.1f}" for column in zip(*runs, strict=True)))
    Console().print(table)


if __name__ == "__main__":
    main()
