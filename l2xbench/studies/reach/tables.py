"""The tables of reach: means, and each with its interval."""

from __future__ import annotations

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.results import Results
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.reach.means import MEASURES, Reach, reaches
from l2xbench.studies.reach.options import ReachOptions
from l2xbench.studies.shared.intervals import NOTE, image_interval, image_mean
from l2xbench.studies.shared.places import patch_size, places_note
from l2xbench.words import words

KEYS = ("dataset", "model", "method")


def reach_tables(results: Results) -> list[Table]:
    """`reach` and `reach_intervals`; none without records."""
    found = results.once(reaches)
    if not found:
        return []
    notes = reach_notes(results)
    lr = words(results.config.scale).lr
    caption = f"Reach: how far from a patch its map lies, in {lr} pixels and shares of |R|"
    intervals = Table(
        "reach_intervals",
        intervals_frame(found, results.manifest.seed),
        f"{caption}, with intervals.",
        notes=[*notes, f"{NOTE}."],
    )
    return [Table("reach", reach_frame(found), f"{caption}.", notes=notes), intervals]


def reach_frame(found: list[Reach]) -> pd.DataFrame:
    """A row a dataset, network and method: the means over patches and images."""
    rows = [
        (one.dataset, one.model, one.method, *image_mean(one.measured), one.patches, len(one.images)) for one in found
    ]
    return pd.DataFrame(rows, columns=[*KEYS, *MEASURES, "patches", "images"])


def intervals_frame(found: list[Reach], seed: int) -> pd.DataFrame:
    """A row a dataset, network, method and measure: mean and 95 % interval."""
    rows = []
    for one in found:
        means, (lows, highs) = image_mean(one.measured), image_interval(one.measured, seed)
        for measure, mean, low, high in zip(MEASURES, means, lows, highs, strict=True):
            rows.append((one.dataset, one.model, one.method, measure, mean, low, high, len(one.images)))
    return pd.DataFrame(rows, columns=[*KEYS, "measure", "mean", "mean_low", "mean_high", "images"])


def reach_notes(results: Results) -> list[str]:
    """How the numbers came about."""
    wanted = results.config.block(ReachOptions) or ReachOptions()
    maps = results.config.block(AttributionOptions) or AttributionOptions()
    scale = results.config.scale
    size, called = patch_size(wanted.size, scale), words(scale)
    return [
        (
            f"Patches of {size} x {size} {called.sr} pixels, {places_note(wanted.places, scale)}. Maps: reference "
            f"{wanted.reference or maps.reference} (lam has its own); |R|: the absolute value of the sum over channels."
        ),
        (
            "Radius: the least distance from the patch's middle, the larger of the row's and the column's, within "
            f"which 50, 90 and 99 % of |R| lie. Outside: the share outside the {called.lr} pixels under the patch; "
            "beyond: outside that distance. DI: LAM's diffusion index. Means over an image's patches, then over images."
        ),
        *(f"{name}: {manifest.note}." for name, manifest in results.manifest.datasets.items() if manifest.note),
    ]


def brief(frame: pd.DataFrame) -> pd.DataFrame:
    """What fits a terminal of `reach`."""
    same = [name for name in ("dataset", "method") if frame[name].nunique() == 1]
    shown = frame.drop(columns=[*same, "patches", "images"])
    for name in MEASURES:
        pattern = "{:.1f}" if name.startswith("radius") else "{:.2f}" if name == "di" else "{:.1%}"
        shown[name] = [pattern.format(value) for value in frame[name]]
    return shown.rename(columns=lambda name: name.replace("radius_", "r").replace("beyond_", ">"))
