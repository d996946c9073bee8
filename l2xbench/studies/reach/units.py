"""What reach owes: a unit a method, for all patches of an image."""

from __future__ import annotations

from l2xbench.config import StudyConfig
from l2xbench.studies.attribution.units import map_options, patch_map_options
from l2xbench.studies.reach.options import ReachOptions
from l2xbench.studies.shared.places import patch_options
from l2xbench.studies.study import Options


def reach_units(config: StudyConfig) -> list[tuple[str, Options]]:
    """One unit a method."""
    wanted = config.block(ReachOptions)
    if wanted is None:
        return []
    patches = {**patch_options(wanted.places, wanted.size, config.scale), "seed": config.seed}
    found = []
    for method in wanted.methods:
        reference = wanted.reference or map_options(config, method)["reference"]
        found.append((method, {**patches, "map": patch_map_options(config, method, reference, wanted.options)}))
    return found
