"""The table of what networks and maps take."""

from __future__ import annotations

import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.records import RecordGroup, record_groups
from l2xbench.store.results import Results
from l2xbench.studies.shared.frames import in_study_order, numbers
from l2xbench.words import words

_TIMED = ("restoration", "attribution")


def cost_table(results: Results) -> Table:
    """`cost`: what one image takes, by network and step."""
    frame = cost_frame(results)
    restore = words(results.config.scale).restore
    caption = f"Mean seconds to {restore} and to explain one image, and the largest completeness error."
    notes = [f"On {results.manifest.measured_on}.", *tile_notes(frame, results), *route_notes(results)]
    return Table("cost", frame.drop(columns="tiled"), caption, notes=notes)


def cost_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network and step (`inference` or a method): mean seconds, largest completeness error, images.

    `tiled` counts the images that memory was too small for, so that they were done in tiles.
    """
    columns = ["dataset", "model", "method", "seconds", "completeness_error", "images", "tiled"]
    rows = [
        {
            "dataset": group.dataset,
            "model": group.model,
            "method": group.label or "inference",
            "seconds": numbers(group, "seconds").mean(),
            "completeness_error": numbers(group, "completeness_error").max(),
            "images": len(group.images),
            "tiled": _tiled(group),
        }
        for group in record_groups(results.shown, *_TIMED)
    ]
    frame = pd.DataFrame(rows, columns=columns)
    return in_study_order(frame, results.manifest) if rows else frame


def tile_notes(cost: pd.DataFrame, results: Results) -> list[str]:
    """Which results are of tiles, for want of memory: those of `cost`, and of tests of maps. No line where none is."""
    told = [
        f"{row.model} on {row.dataset}, {row.method}: {row.tiled} of {row.images}"
        for row in cost[cost["tiled"] > 0].itertuples()
    ]
    for group in results.shown.groups():
        if group.study not in _TIMED and (tiled := _tiled(group)):
            told.append(
                f"{group.model} on {group.dataset}, {group.study} {group.label}: {tiled} of {len(group.images)}"
            )
    return [f"Out of memory, so done in overlapping tiles: {'; '.join(told)}."] if told else []


def route_notes(results: Results) -> list[str]:
    """Which networks go by Python numbers, and what the reference's own would change of what is explained."""
    told = []
    for group in record_groups(results.shown, "attribution"):
        both = zip(group.numbers("jump"), group.numbers("delta"), strict=True)
        shares = [abs(jump) / max(abs(delta or 0.0), 1e-30) for jump, delta in both if jump]
        if shares:
            images = f"{len(shares)} of {len(group.images)} image{'' if len(group.images) == 1 else 's'}"
            told.append(
                f"{group.model} on {group.dataset}, {group.label}: goes by Python numbers (int(), float()), and is "
                f"explained with each image's own; the reference's would change the difference by up to "
                f"{max(shares):.1%} ({images})."
            )
    return told


def _tiled(group: RecordGroup) -> int:
    return sum(tile is not None for tile in group.columns.get("tile", ()))
