"""The log of a run as a table and as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from l2xbench.system.files import write_whole
from training.trainer import Row


def write_log(rows: Sequence[Row], folder: Path) -> None:
    """`log.csv` in `folder`: a line a row."""
    write_whole(folder / "log.csv", _table(rows).to_csv(index=False).encode())


def draw_log(rows: Sequence[Row], folder: Path, title: str) -> None:
    """`curve.png` in `folder`: loss and validation PSNR over the steps."""
    table = _table(rows)
    figure = Figure(figsize=(7, 4), layout="constrained")
    loss_axes = figure.subplots()
    loss_axes.plot(table["step"], table["loss"], color="tab:gray")
    loss_axes.set(xlabel="step", ylabel="training loss (L1)", yscale="log", title=title)
    psnr_axes = loss_axes.twinx()
    measured = table.dropna(subset=["val_psnr"])
    psnr_axes.plot(measured["step"], measured["val_psnr"].astype(float), color="tab:blue", marker=".")
    psnr_axes.set_ylabel("validation PSNR (Y), dB", color="tab:blue")
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_whole(folder / "curve.png", content.getbuffer())


def _table(rows: Sequence[Row]) -> pd.DataFrame:
    return pd.DataFrame([vars(row) for row in rows], columns=[entry.name for entry in fields(Row)])
