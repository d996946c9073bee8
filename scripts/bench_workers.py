"""What a study takes with one worker or several, and what one thread a worker costs and gains: whole runs, in turn.

    python scripts/bench_workers.py configs/demo.yaml my_study.yaml --data-root ~/data --repeats 3
    python scripts/bench_workers.py configs/demo.yaml --before ../older-checkout

For each study a row a way to run it, with the medians of the seconds on the clock and of the CPU's, and their ratios to
the row `by rule` of the same round: what else the machine does then slows all alike. With `--before`, the command of
another checkout is run too, with its own defaults.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from l2xbench.system import cores

HERE = Path(__file__).parents[1]
RULE = "by rule"
BEFORE = "before"


def ways(before: Path | None) -> dict[str, tuple[Path, list[str]]]:
    """The ways to run a study: which checkout, and which flags."""
    count = cores.count()
    found: dict[str, tuple[Path, list[str]]] = {
        RULE: (HERE, []),
        "1 worker of 1 thread": (HERE, ["--workers", "1"]),
        f"1 worker of {count} threads": (HERE, ["--workers", "1", "--set", f"threads={count}"]),
    }
    return found if before is None else {**found, BEFORE: (before, [])}


def run(checkout: Path, study: Path, flags: list[str]) -> tuple[float, float]:
    """Seconds of one run: on the clock, and of the CPU in all its processes."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = [sys.executable, "-m", "l2xbench", "run", str(study.resolve()), "--out", folder, *flags]
        used, started = _cpu_seconds(), time.perf_counter()
        done = subprocess.run(
            command,
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout.resolve())},
            capture_output=True,
            text=True,
            check=False,
        )
        seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{study}: was not run to its end\n{done.stdout}{done.stderr}")
    return seconds, _cpu_seconds() - used


def _cpu_seconds() -> float:
    """CPU seconds of all processes that were begun from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", type=Path, nargs="+")
    parser.add_argument("--data-root", type=Path)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--before", type=Path, help="a checkout of another version")
    parser.add_argument("--only", default="", help="ways to run, separated by commas; all by default")
    chosen = parser.parse_args()
    kinds = ways(chosen.before)
    if chosen.only:
        kinds = {name: kinds[name] for name in [RULE, *chosen.only.split(",")]}
    shared = [] if chosen.data_root is None else ["--data-root", str(chosen.data_root.resolve())]
    for study in chosen.studies:
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
        for repeat in range(chosen.repeats):
            names = list(kinds)
            first = repeat % len(names)  # a machine warms up, and slows down: none is always the first
            for name in [*names[first:], *names[:first]]:
                checkout, flags = kinds[name]
                found[name].append(run(checkout, study, [*flags, *shared]))
                print(f"{study.stem}, {name}: {found[name][-1][0]:.0f} s", file=sys.stderr, flush=True)
        table = Table("way", "seconds", "to by rule", "CPU seconds", "to by rule", title=study.stem)
        for name, runs in found.items():
            cells = []
            for place in (0, 1):
                ratios = [one[place] / rule[place] for one, rule in zip(runs, found[RULE], strict=True)]
                cells += [f"{median(one[place] for one in runs):.0f}", f"{median(ratios):.2f}"]
            table.add_row(name, *cells)
        Console().print(table)


if __name__ == "__main__":
    main()
