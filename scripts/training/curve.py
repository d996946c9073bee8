"""The log of a run as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from training.files import write_whole
from training.trainer import Row


def write_log(rows: Sequence[Row], folder: Path, title: str) -> None:
    """`log.csv` (a line a row) and `curve.png` (loss and validation PSNR over the steps) in `folder`."""
    table = pd.DataFrame([vars(row) for row in rows], columns=[entry.name for entry in fields(Row)])
    write_whole(folder / "log.csv", lambda part: table.to_csv(part, index=False))

    figure = Figure(figsize=(7, 4), layout="constrained")
    loss_axes = figure.subplots()
    loss_axes.plot(table["step"], table["loss"], color="tab:gray")
    loss_axes.set(xlabel="step", ylabel="training loss (L1)", yscale="log", title=title)
    psnr_axes = loss_axes.twinx()
    measured = table.dropna(subset=["val_psnr"])
    psnr_axes.plot(measured["step"], measured["val_psnr"].astype(float), color="tab:blue", marker=".")
    psnr_axes.set_ylabel("validation PSNR (Y), dB", color="tab:blue")
    write_whole(folder / "curve.png", lambda part: figure.savefig(part, format="png", dpi=120))
