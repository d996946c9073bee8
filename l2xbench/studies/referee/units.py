"""What the referee owes of each patch and network: interventions, in parts, and a map of each method."""

from __future__ import annotations

from typing import Any

from l2xbench.config import StudyConfig
from l2xbench.studies.lam.cases import AUTO
from l2xbench.studies.lam.units import dataset_of
from l2xbench.studies.referee.options import RefereeOptions
from l2xbench.studies.study import Options

PARTS = 4
"""Units that the interventions of a patch are divided into, so that progress is seen and an interrupted run loses
little: every fourth block is of one part."""
INTERVENTIONS = "interventions"


def referee_units(config: StudyConfig) -> list[tuple[str, Options]]:
    """Units of a patch, for the images of one dataset that have this patch; with `auto`, for every image."""
    wanted = config.block(RefereeOptions)
    if wanted is None:
        return []
    plan = wanted.model_dump(include={"block", "coarse", "fine", "least"})
    found: list[tuple[str, Options]] = []
    for name, patch in _patches(wanted, config).items():
        for part in range(PARTS):
            replaced = {"of": INTERVENTIONS, **patch, **plan, "seed": config.seed, "part": [part, PARTS]}
            found.append((f"{name}-{INTERVENTIONS}{part + 1}of{PARTS}", replaced))
        for method in wanted.methods:
            found.append((f"{name}-{method}", {"of": method, **patch, "map": map_options(wanted, method, config.seed)}))
    return found


def map_options(wanted: RefereeOptions, method: str, seed: int) -> dict[str, Any]:
    """What `explain` is told besides the target."""
    return {"method": method, "reference": wanted.reference, "seed": seed, **wanted.options.get(method, {})}


def _patches(wanted: RefereeOptions, config: StudyConfig) -> dict[str, Options]:
    """What tells a patch apart -> where it is."""
    if wanted.cases == AUTO:
        return {"auto": {"dataset": None, "images": None, "window": None, "size": wanted.size}}
    found: dict[str, Options] = {}
    for case in wanted.cases:
        dataset = dataset_of(case, config, "referee.cases")
        name = f"{case.window}-{dataset}"
        patch = found.setdefault(
            name, {"dataset": dataset, "images": [], "window": list(case.numbers), "size": case.numbers[2]}
        )
        patch["images"] = sorted({*patch["images"], case.image})
    return found
