"""The table of infidelity and max-sensitivity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from l2xbench.draw.tables import Table
from l2xbench.store.records import record_groups
from l2xbench.store.results import Results
from l2xbench.studies.shared.frames import in_study_order, numbers
from l2xbench.studies.shared.intervals import NOTE, image_interval, image_mean
from l2xbench.studies.steadiness.options import SteadinessOptions

_MEASURES = ("infidelity", "scaled_infidelity", "max_sensitivity")


def steadiness_table(results: Results) -> Table:
    """`steadiness`."""
    wanted = results.config.block(SteadinessOptions) or SteadinessOptions()
    notes = [
        (
            f"Infidelity: mean squared error of what the map says that {wanted.perturbations} random squares change as "
            "they become the reference, over the mean square of those changes; 0 is best, a map of zeros has 1. "
            "Scaled: of the map times its best factor."
        ),
        (
            "Max-sensitivity: the farthest that the map moves, as a share of its length, among "
            f"{wanted.samples} images whose values differ by up to {wanted.radius:g}. Little is steady; a map that "
            "knows no network is steady too."
        ),
        f"Means over images. {NOTE}.",
    ]
    caption = "Infidelity and max-sensitivity (Yeh et al., 2019): does a map predict what perturbations do, and stay?"
    return Table("steadiness", steadiness_frame(results), caption, notes=notes)


def steadiness_frame(results: Results) -> pd.DataFrame:
    """A row a dataset, network and method: means with intervals."""
    rows = []
    for group in record_groups(results.shown, "steadiness"):
        row: list[object] = [group.dataset, group.model, group.label]
        for measure in _MEASURES:
            values = np.asarray(numbers(group, measure), float)
            row += [float(image_mean(values)), *map(float, image_interval(values, results.manifest.seed))]
        rows.append((*row, len(group.images)))
    ends = [f"{measure}{end}" for measure in _MEASURES for end in ("", "_low", "_high")]
    return in_study_order(pd.DataFrame(rows, columns=["dataset", "model", "method", *ends, "images"]), results.manifest)
