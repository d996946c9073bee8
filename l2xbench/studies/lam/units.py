"""What LAM owes: a map of each case, method and network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.studies.lam.cases import AUTO, Case
from l2xbench.studies.lam.options import LamOptions
from l2xbench.studies.restoration.units import measured
from l2xbench.studies.study import Options


def lam_units(config: StudyConfig) -> list[tuple[str, Options]]:
    """A unit a window and method, for the images of one dataset that have it; none before windows are found."""
    wanted = config.block(LamOptions)
    if wanted is None or wanted.cases == AUTO:
        return []
    found: dict[tuple[str, str, str], Options] = {}
    for case in wanted.cases:
        dataset = dataset_of(case, config)
        for method in wanted.methods:
            options = found.setdefault(
                (dataset, case.window, method),
                {
                    "dataset": dataset,
                    "images": [],
                    "window": list(case.numbers),
                    "map": _map_options(wanted, method, config.seed),
                    "colour": measured(config)["colour"],
                },
            )
            options["images"] = sorted({*options["images"], case.image})
    return [(f"{window}-{method}-{dataset}", options) for (dataset, window, method), options in found.items()]


def _map_options(wanted: LamOptions, method: str, seed: int) -> Mapping[str, Any]:
    """What `explain` is told besides the target."""
    if method == "lam":
        return {"method": "lam", "variant": "published", "steps": wanted.steps}
    return {"method": method, "reference": wanted.reference, "seed": seed}


def dataset_of(case: Case, config: StudyConfig, key: str = "lam.cases") -> str:
    """The study's name of the dataset that a case is of.

    Raises:
        RequestError: it names another, or none where there are several.
    """
    names = list(config.datasets)
    if case.dataset is None:
        if len(names) > 1:
            raise RequestError(f"{key}: {case.image} {case.window}: say which dataset: {', '.join(names)}")
        return names[0]
    if case.dataset not in names:
        raise RequestError(
            f"{key}: {case.image}: no dataset '{case.dataset}' in the study; {did_you_mean(case.dataset, names)}"
        )
    return case.dataset
