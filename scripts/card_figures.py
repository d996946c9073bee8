"""Put measured PSNR and SSIM into the compact cards, and print the docs' table of them.

    l2xbench run configs/set5.yaml --data-root FOLDER --set attribution=null
    python scripts/card_figures.py results/set5 results/set14

Reads `tables/restoration.csv` of each results folder; a network belongs to the card `NAME-compact`, and `NAME-s1` to
that of the second seed, `NAME-compact-s1`.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import yaml
from training.install import set_block

from l2xbench.zoo.cards import bundled_cards

TITLES = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100", "urban100": "Urban100", "manga109": "Manga109"}
SEED = re.compile(r"-s\d+$")
"""What the names of further trainings of an architecture end with."""


def read(folders: list[Path]) -> pd.DataFrame:
    """Every folder's restoration table, one under the other."""
    tables = [pd.read_csv(folder / "tables" / "restoration.csv") for folder in folders]
    table = pd.concat(tables, ignore_index=True)
    table["dataset"] = table["dataset"].map(lambda name: TITLES.get(name, name))
    return table


def markdown(table: pd.DataFrame) -> str:
    """A row a network, the datasets across; PSNR of a second seed stands in the row of the first."""
    sets = list(dict.fromkeys(table["dataset"]))
    found = table.set_index(["model", "dataset"])
    models = list(dict.fromkeys(table["model"]))
    seeds = {SEED.sub("", model): model for model in models if SEED.search(model) and SEED.sub("", model) in models}
    heads = ["network", "parameters", *(f"{name} PSNR / SSIM" for name in sets)]
    heads += [f"second seed, {name}" for name in sets] if seeds else []
    lines = [f"| {' | '.join(heads)} |", f"| --- | {' | '.join('---:' for _ in heads[1:])} |"]
    for model in models:
        if model in seeds.values():
            continue
        rows = [found.loc[(model, name)] for name in sets]
        cells = [f"{int(rows[0]['parameters']):,}", *(f"{row['psnr']:.2f} / {row['ssim']:.4f}" for row in rows)]
        if seeds:
            cells += [f"{found.loc[(seeds[model], name), 'psnr']:.2f}" if model in seeds else "" for name in sets]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return "\n".join(lines)


def card_of(model: str) -> str:
    """The name of the card that a study's network belongs to."""
    return re.sub(r"(-s\d+)?$", r"-compact\1", model, count=1)


def update_cards(table: pd.DataFrame, cards: Mapping[str, Path]) -> list[str]:
    """Write `training.measured` into each compact card among `cards`; the names of those written."""
    written = []
    for model, rows in table.groupby("model", sort=False):
        card = cards.get(card_of(str(model)))
        if card is None:
            continue
        block = yaml.safe_load(card.read_text()).get("training", {})
        for row in rows.itertuples():
            measured = [round(float(row.psnr), 3), round(float(row.ssim), 4)]  # type: ignore[arg-type]
            block.setdefault("measured", {})[str(row.dataset)] = measured
        set_block(card, "training", block)
        written.append(card.name)
    return written


def main(argv: list[str] | None = None) -> int:
    """Exit code 2 where a folder holds no results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+", help="results folders of studies of the compact networks")
    parser.add_argument("--dry-run", action="store_true", help="print the table and leave the cards")
    options = parser.parse_args(argv)
    for folder in options.results:
        if not (folder / "tables" / "restoration.csv").is_file():
            print(f"error: {folder}: holds no tables/restoration.csv; give a results folder", file=sys.stderr)
            return 2
    table = read(options.results)
    print(markdown(table))
    if not options.dry_run:
        print(f"written: {', '.join(update_cards(table, bundled_cards())) or 'no card'}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
