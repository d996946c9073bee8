"""The README's tables of methods put to the test, as Markdown, from the tables of finished studies.

    python scripts/methods_table.py results/methods [results/more ...]

A row a network: its PSNR unmasked, and how far masking in each method's order lies below random order, mean of the
ratios, in PSNR (dB) and in SSIM. Below it every exception: ratios at which `l2x` is not below random order, and methods
whose gap is larger.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import pandas as pd

FIRST = "l2x"
KEYS = ["dataset", "model", "method", "granularity", "order"]


def read(folders: list[Path], metric: str) -> pd.DataFrame:
    """`tables/ablation_<metric>.csv` of all folders, one below the other."""
    return pd.concat([pd.read_csv(folder / f"tables/ablation_{metric}.csv") for folder in folders], ignore_index=True)


def rows(psnr: pd.DataFrame, ssim: pd.DataFrame) -> list[str]:
    """The table's lines."""
    methods = [method for method in psnr["method"].unique() if method != "random"]
    heads = ["network", "unmasked", *methods, *(f"{method}, SSIM" for method in methods)]
    lines = [f"| {' | '.join(heads)} |", f"| --- | {' | '.join(['---:'] * (len(heads) - 1))} |"]
    for model, found in psnr.groupby("model", sort=False):
        own: Any = found.set_index("method")
        other: Any = ssim[ssim["model"] == model].set_index("method")
        first = own.loc[FIRST]
        cells = [f"{own.at[method, 'gap']:.2f}" if method in own.index else "" for method in methods]
        cells[methods.index(FIRST)] += f" ({first['gap_low']:.2f} to {first['gap_high']:.2f})"
        cells += [f"{other.at[method, 'gap']:.3f}" if method in other.index else "" for method in methods]
        lines.append(f"| {model} | {first['unmasked']:.2f} | {' | '.join(cells)} |".replace("-0.", "−0."))
    return lines


def exceptions(table: pd.DataFrame, unit: str) -> list[str]:
    """What a reader who expects `l2x` to lead everywhere should know, a line each."""
    ratios = [column for column in table.columns if column.endswith("%")]
    lines: list[str] = []
    for model, found in table.groupby("model", sort=False):
        own: Any = found.set_index("method")
        above = [ratio for ratio in ratios if own.at[FIRST, ratio] >= own.at["random", ratio]]
        if above:
            lines.append(f"{model}: {FIRST} is not below random order at {', '.join(above)}")
        gaps = own["gap"].drop("random").dropna()
        for method in gaps[gaps > gaps[FIRST]].index:
            lines.append(f"{model}: {method} leads {FIRST} by {gaps[method] - gaps[FIRST]:.3f} {unit}".rstrip())
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=Path, help="results folders of studies with an ablation block")
    folders = parser.parse_args().results
    for folder in folders:
        if not (folder / "tables/ablation_psnr.csv").is_file():
            parser.error(f"{folder} has no tables/ablation_psnr.csv; is its study finished, with an ablation block?")
    psnr, ssim = (read(folders, metric).drop_duplicates(KEYS) for metric in ("psnr", "ssim"))
    for title, lines in (
        ("gap to random order", rows(psnr, ssim)),
        ("exceptions, PSNR", exceptions(psnr, "dB")),
        ("exceptions, SSIM", exceptions(ssim, "")),
    ):
        print(f"\n{title}\n")
        print("\n".join(lines) or "none")


if __name__ == "__main__":
    main()
