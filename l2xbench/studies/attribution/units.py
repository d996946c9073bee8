"""Which maps are made, and with which options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from l2xbench.config import StudyConfig
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.study import Options

DRAWS_FROM_OTHERS = ("intervention",)
"""Methods that are given the dataset's other images; the registry, which knows them too, takes seconds to import."""


def map_options(config: StudyConfig, method: str) -> Options:
    """The options of a method's map, whether or not the block `attribution` names the method."""
    wanted = config.block(AttributionOptions) or AttributionOptions()
    common = {key: getattr(wanted, key) for key in ("reference", "target", "strict", "precision")}
    return {"method": method, **common, "seed": config.seed, **wanted.options.get(method, {})}


def patch_map_options(
    config: StudyConfig, method: str, reference: str, options: Mapping[str, Mapping[str, Any]]
) -> Options:
    """What `explain` is told of a patch's map besides the target, by a study that has targets of its own.

    Args:
        config: the study.
        method: whose map it is.
        reference: that study's own.
        options: method -> its options, which win over those of the block `attribution`.
    """
    settings = {**map_options(config, method), **options.get(method, {})}
    del settings["target"]
    return {**settings, "reference": reference}
