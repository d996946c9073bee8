"""What would fail for every patch, told before anything is run."""

from __future__ import annotations

from l2xbench.config import StudyConfig
from l2xbench.studies.attribution.checks import check_maps
from l2xbench.studies.context.options import ContextOptions
from l2xbench.studies.shared.places import check_places


def check_context(config: StudyConfig) -> None:
    """An unknown method, option or reference, or places that no image has.

    Raises:
        RequestError: what is wrong, by key.
    """
    wanted = config.block(ContextOptions)
    if wanted is not None:
        check_maps(ContextOptions.key, wanted.methods, wanted.options, wanted.reference)
        check_places(ContextOptions.key, wanted.places, wanted.size, config.scale)
