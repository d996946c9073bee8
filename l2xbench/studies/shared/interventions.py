"""What interventions will cost, told before the first one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from l2xbench.config import StudyConfig
from l2xbench.words import words

_USUAL_SIDE = 64
"""LR pixels of the images that papers take such maps of."""


def told_interventions(key: str, target: str, config: StudyConfig, plan: Mapping[str, Any]) -> str:
    """How many images a network is run on, from the datasets' crops and the options.

    Args:
        key: of the YAML's block.
        target: what a map is of: "patch", "window", "image".
        config: the study.
        plan: `block`, `coarse` and `fine` of `InterventionPlan`; its own where one is absent.

    Examples:
        >>> from l2xbench.studies.reading import parse_study
        >>> data = {"study": "s", "models": {"a": "edsr"}, "datasets": {"d": {"path": "skimage", "crop": 32}}}
        >>> told_interventions("referee", "patch", parse_study(data), {"block": 4, "fine": 10}).partition(", ")[2]
        'every network runs on 192 images, and on 10 more for each of the 64 blocks that acts.'
    """
    from l2xbench.attribution.methods.intervention import InterventionPlan

    made = InterventionPlan(**{name: plan[name] for name in ("block", "coarse", "fine") if name in plan})
    crops = [entry.crop for entry in config.datasets.values()]
    side = max((crop for crop in crops if crop is not None), default=_USUAL_SIDE)
    blocks = (-(-side // made.block)) ** 2
    size = f"{side} x {side} {words(config.scale).lr} pixels"
    within = f"of {size}" if all(crops) else f"if images have {size}"
    return (
        f"{key}: interventions: for each {target} {within}, every network runs on {blocks * made.coarse:,} images, and "
        f"on {made.fine:,} more for each of the {blocks:,} blocks that acts."
    )


def in_one_notice(lines: Iterable[str | None]) -> str | None:
    """Those that say something, one below the other; None where none does."""
    return "\n".join(line for line in lines if line) or None
