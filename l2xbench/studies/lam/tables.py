"""The tables of LAM: a window, network and method a line, and the means over windows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.records import Record, records_of_studies
from l2xbench.store.results import Results
from l2xbench.studies.lam.cases import AUTO
from l2xbench.studies.lam.options import LamOptions
from l2xbench.words import words

COLUMNS = ("dataset", "image", "model", "method", "window", "di", "psnr", "variant", "seconds")


@dataclass(frozen=True)
class Shown:
    """A map that a table and a figure show."""

    record: Record
    window: tuple[int, int, int]
    method: str

    @property
    def case(self) -> tuple[str, str, tuple[int, int, int]]:
        """What figures are made of: dataset, image and window."""
        return self.record.dataset, self.record.image, self.window


def shown_maps(results: Results) -> list[Shown]:
    """Every map of a window, in the study's order of cases, networks and methods."""
    wanted = results.config.block(LamOptions)
    if wanted is None or wanted.cases == AUTO:
        return []
    cases = [(case.image, case.numbers) for case in wanted.cases]
    models = list(results.manifest.models)
    found = []
    for record in records_of_studies(results.shown, "lam"):
        if record.values.get("di") is not None:
            window, method, _ = record.label.split("-", 2)
            x, y, size = (int(part) for part in window.split(","))
            found.append(Shown(record, (x, y, size), method))
    return sorted(
        found,
        key=lambda one: (
            list(results.manifest.datasets).index(one.record.dataset),
            cases.index((one.record.image, one.window)),
            models.index(one.record.model),
            wanted.methods.index(one.method),
        ),
    )


def lam_frame(results: Results) -> pd.DataFrame:
    """A row a window, network and method; `window` is left, top and side in SR pixels, `psnr` of the window in dB."""
    rows = [
        {
            "dataset": one.record.dataset,
            "image": one.record.image,
            "model": one.record.model,
            "method": one.method,
            "window": ",".join(map(str, one.window)),
            "di": one.record.values["di"],
            "psnr": one.record.values["psnr"],
            "variant": "published" if one.method == "lam" else "",
            "seconds": one.record.values["seconds"],
        }
        for one in results.once(shown_maps)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"di": float, "psnr": float, "seconds": float})


def mean_frame(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a dataset, network and method: the means over the windows, and how many."""
    groups = frame.groupby(["dataset", "model", "method"], sort=False)
    means = groups[["di", "psnr", "seconds"]].mean().reset_index()
    means["windows"] = groups.size().tolist()
    return means


def lam_tables(results: Results) -> list[Table]:
    """`lam` and `lam_mean`."""
    frame, called = results.once(lam_frame), words(results.config.scale)
    notes = [
        (
            "DI: 100 (1 - Gini) of the map's absolute values, channels summed, as LAM's authors compute it; it says "
            f"how many {called.lr} pixels were used, not how well. It falls as the image grows."
        ),
        f"PSNR of the window's {called.sr} pixels. Seconds: of the map alone.",
        *unpublished_notes(results),
        *(f"{name}: {manifest.note}." for name, manifest in results.manifest.datasets.items() if manifest.note),
    ]
    caption = "Diffusion index (DI) of local attribution maps and PSNR (dB) of each window (left, top, side)"
    means = mean_frame(frame) if len(frame) else frame
    return [
        Table("lam", frame, f"{caption}.", notes=notes),
        Table("lam_mean", means, f"{caption}: means over the windows.", notes=notes),
    ]


def unpublished_notes(results: Results) -> list[str]:
    """Which networks of the table do not have their authors' checkpoint; no line where all have."""
    shown = {one.record.model for one in results.once(shown_maps)}
    told = [
        f"{name} ({model.weights})"
        for name, model in results.manifest.models.items()
        if name in shown and not model.published
    ]
    if not told:
        return []
    return [f"Not known to be the published checkpoint, so not comparable with its paper: {', '.join(told)}."]
