"""Whether networks restore better than the interpolation that they are to replace."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from l2xbench.store.records import record_groups
from l2xbench.store.results import Results
from l2xbench.studies.shared.paired import compared
from l2xbench.studies.shared.sentences import listed, on_images, with_interval
from l2xbench.studies.study import Finding


def beyond_interpolation(results: Results) -> list[Finding]:
    """A sentence a dataset; none where the interpolation was not measured, or no network was."""
    interpolation = results.config.interpolation
    found = []
    for dataset in results.manifest.datasets:
        known = {
            group.model: dict(zip(group.images, group.numbers("psnr"), strict=True))
            for group in record_groups(results.shown, "restoration")
            if group.dataset == dataset
        }
        names = [name for name in results.config.models if name in known]
        if interpolation in known and names:
            images = list(known[interpolation])
            rows = [[known[name].get(image) for image in images] for name in (*names, interpolation)]
            values = np.array(rows, dtype=float)
            told = _told(dataset, names, interpolation, values, results.manifest.seed)
            found += [] if told is None else [Finding(told, "table1", 1)]
    return found


def _told(dataset: str, names: Sequence[str], interpolation: str, values: NDArray[np.float64], seed: int) -> str | None:
    """What is known of values (networks and then the interpolation, images): PSNR in dB."""
    made = compared(values, [(row, len(names)) for row in range(len(names))], seed, tested=False)
    known = np.flatnonzero(np.isfinite(made.low))
    if not known.size:
        return None
    better, worse = made.low[known] > 0, made.high[known] < 0
    least, most = (int(known[place(made.difference[known])]) for place in (np.argmin, np.argmax))
    where = on_images(dataset, int(made.images[known].max()))

    def gain(row: int) -> str:
        return with_interval(made.difference[row], made.low[row], made.high[row], 2, "dB")

    def loss(row: int) -> str:
        return with_interval(-made.difference[row], -made.high[row], -made.low[row], 2, "dB")

    if len(known) == 1:
        name = names[known[0]]
        if better[0]:
            return f"{where}, {name} restores {gain(known[0])} better than {interpolation}."
        if worse[0]:
            return f"{where}, {name} restores worse than {interpolation}, beyond chance: by {loss(known[0])}."
        return (
            f"{where}, {name} is not shown to restore better than {interpolation}: the difference is {gain(known[0])}."
        )
    if better.all():
        return (
            f"{where}, all {len(known)} networks restore better than {interpolation}: from {names[least]} by "
            f"{gain(least)} to {names[most]} by {gain(most)}."
        )
    said = []
    if worse.any():
        found = [names[row] for row in known[worse]]
        named = loss(least) if len(found) == 1 else f"{names[least]} the most, by {loss(least)}"
        does = "restores" if len(found) == 1 else "restore"
        by = "by " if len(found) == 1 else ""
        said.append(f"{listed(found)} {does} worse than {interpolation}, beyond chance: {by}{named}")
    unsure = known[~better & ~worse]
    if unsure.size:
        found = [names[row] for row in unsure]
        told = f"{listed(found)} {'is' if len(found) == 1 else 'are'} not shown to restore better than {interpolation}"
        row = int(unsure[np.argmin(made.difference[unsure])])
        said.append(f"{told}; {names[row]} has the least difference, {gain(row)}" if not said else told)
    return f"{where}, {'; '.join(said)}."
