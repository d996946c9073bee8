"""The tables of methods put to the test, as Markdown, from the tables of finished studies.

    python scripts/methods_table.py results/methods [results/more ...]

First a row a network: its PSNR unmasked, and how far masking in each method's order lies below random order, mean of
the ratios, in PSNR (dB) and in SSIM; below it every exception: ratios at which `l2x` is not below random order, and
methods whose gap is larger. Then, where the studies have them, sensitivity-n and the map's likeness to that of the
network with its layers drawn anew.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

FIRST = "l2x"
SHORT = {"integrated_gradients": "IG"}
"""Methods whose names would take the room of a table's numbers."""
KEYS = ["dataset", "model", "method", "granularity", "order"]


def read(folders: list[Path], table: str) -> pd.DataFrame | None:
    """`tables/<table>.csv` of all folders that have it, one below the other."""
    there = [path for folder in folders if (path := folder / f"tables/{table}.csv").is_file()]
    return pd.concat([pd.read_csv(path) for path in there], ignore_index=True) if there else None


def as_markdown(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table whose first column is of names and the others of numbers."""
    heads = [re.sub(r"\w+", lambda word: SHORT.get(word[0], word[0]), head) for head in heads]
    lines = [f"| {' | '.join(heads)} |", f"| {' | '.join(['---', *['---:'] * (len(heads) - 1)])} |"]
    return lines + [f"| {' | '.join(row)} |".replace(" -0.", " −0.").replace("(-0.", "(−0.") for row in rows]


def gaps(psnr: pd.DataFrame, ssim: pd.DataFrame) -> list[str]:
    """Each method's gap to random order, a line a network."""
    methods = [method for method in psnr["method"].unique() if method != "random"]
    rows = []
    for model, found in psnr.groupby("model", sort=False):
        own: Any = found.set_index("method")
        other: Any = ssim[ssim["model"] == model].set_index("method")
        first = own.loc[FIRST]
        cells = [f"{own.at[method, 'gap']:.2f}" if method in own.index else "" for method in methods]
        cells[methods.index(FIRST)] += f" ({first['gap_low']:.2f} to {first['gap_high']:.2f})"
        cells += [f"{other.at[method, 'gap']:.3f}" if method in other.index else "" for method in methods]
        rows.append([str(model), f"{first['unmasked']:.2f}", *cells])
    return as_markdown(["network", "unmasked", *methods, *(f"{method}, SSIM" for method in methods)], rows)


def exceptions(table: pd.DataFrame, metric: str) -> list[str]:
    """What a reader who expects `l2x` to lead everywhere should know, a line a kind."""
    ratios = [column for column in table.columns if column.endswith("%")]
    above: dict[str, list[str]] = {}
    leads: dict[str, list[tuple[float, str]]] = {}
    models = list(table["model"].unique())
    for model, found in table.groupby("model", sort=False):
        own: Any = found.set_index("method")
        at = [ratio for ratio in ratios if own.at[FIRST, ratio] >= own.at["random", ratio]]
        if at:
            above.setdefault(", ".join(at), []).append(str(model))
        others = own["gap"].drop("random").dropna()
        for method in others[others > others[FIRST]].index:
            leads.setdefault(method, []).append((others[method] - others[FIRST], str(model)))
    unit = " dB" if metric == "PSNR" else ""
    lines = [
        f"- {metric}: {FIRST} is not below random order at {at} on {_some(of, models)}." for at, of in above.items()
    ]
    for method, by in leads.items():
        least, most = f"{min(by)[0]:.3f}", f"{max(by)[0]:.3f}"
        much = least if least == most else f"{least} to {most}"
        lines.append(
            f"- {metric}: {method} leads {FIRST} by {much}{unit} on {_some([name for _, name in by], models)}."
        )
    return lines or [
        f"- {metric}: {FIRST} is below random order at every ratio and leads every method, on each network."
    ]


def _some(names: list[str], all_names: list[str]) -> str:
    return f"all {len(names)}" if len(names) == len(all_names) > 1 else ", ".join(names)


def sensitivity(table: pd.DataFrame) -> list[str]:
    """Sensitivity-n, the mean over all n but the whole map, a line a network, and what the whole map's is."""
    methods = list(table["method"].unique())
    parts, whole = table[table["share"] < 1], table[table["share"] == 1]
    found: Any = parts.groupby(["model", "method"], sort=False)["correlation"].mean()
    rows = [[str(model), *(f"{found[model, each]:.3f}" for each in methods)] for model in table["model"].unique()]
    rows.append(["mean", *(f"{found.xs(each, level='method').mean():.3f}" for each in methods)])
    off: Any = whole.groupby("method", sort=False)["correlation"].agg(["min", "max"])
    told = ", ".join(f"{each} {_range(*off.loc[each])}" for each in methods)
    return [*as_markdown(["network", *methods], rows), "", f"Of the whole map: {told}."]


def _range(low: float, high: float) -> str:
    if max(abs(1 - low), abs(1 - high)) < 1e-3:
        return f"1 within {max(abs(1 - low), abs(1 - high)):.0e}"
    return f"{low:.2f} to {high:.2f}".replace("-", "−")


def randomisation(table: pd.DataFrame) -> list[str]:
    """Rank correlation of a map and that of the network with so many of its layers drawn anew, a line a network."""
    layers = sorted(table["layers"].unique())
    methods = list(table["method"].unique())
    found: Any = table.set_index(["model", "method", "layers"])["spearman"]
    heads = [f"{method}, {100 * share:.0f} %" for method in methods for share in layers]
    rows = [
        [str(model), *(f"{found[model, method, share]:.2f}" for method in methods for share in layers)]
        for model in table["model"].unique()
    ]
    return as_markdown(["network", *heads], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=Path, help="results folders of studies with an ablation block")
    folders = parser.parse_args().results
    for folder in folders:
        if not (folder / "tables/ablation_psnr.csv").is_file():
            parser.error(f"{folder} has no tables/ablation_psnr.csv; is its study finished, with an ablation block?")
    psnr, ssim = (read(folders, f"ablation_{metric}") for metric in ("psnr", "ssim"))
    assert psnr is not None and ssim is not None
    psnr, ssim = psnr.drop_duplicates(KEYS), ssim.drop_duplicates(KEYS)
    print(*gaps(psnr, ssim), "", *exceptions(psnr, "PSNR"), *exceptions(ssim, "SSIM"), sep="\n")
    for title, table, told in (
        ("Sensitivity-n, mean over all n but the whole map", "sensitivity", sensitivity),
        (
            "Rank correlation with the map of the network when so many of its layers are drawn anew",
            "randomisation",
            randomisation,
        ),
    ):
        if (measured := read(folders, table)) is not None and len(measured):
            print("", f"{title}:", "", *told(measured.drop_duplicates()), sep="\n")


if __name__ == "__main__":
    main()
