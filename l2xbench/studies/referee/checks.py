"""What would fail for every patch, told before anything is run."""

from __future__ import annotations

from l2xbench.attribution.methods.registry import get_method
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.checks import check_methods, check_options, check_reference
from l2xbench.studies.referee.options import RefereeOptions
from l2xbench.studies.referee.units import INTERVENTIONS, referee_units


def check_referee(config: StudyConfig) -> None:
    """An unknown method, option, reference or dataset, no case at all, or images with nothing to draw from.

    Raises:
        RequestError: what is wrong, by key.
    """
    wanted = config.block(RefereeOptions)
    if wanted is None:
        return
    check_methods("referee.methods", wanted.methods)
    for method in wanted.methods:
        if get_method(method).needs_hr:
            raise RequestError(f"referee.methods: '{method}' is what maps are compared with; leave it out")
    for method, options in wanted.options.items():
        if method not in wanted.methods:
            raise RequestError(f"referee.options: '{method}' is not in referee.methods: {', '.join(wanted.methods)}")
        check_options(f"referee.options.{method}", method, options)
    check_reference("referee.reference", wanted.reference)
    if not wanted.cases:
        raise RequestError('referee.cases: auto, or a patch at least: {image: img_019, window: "119,115,24"}')
    for _, options in referee_units(config):
        if options["of"] == INTERVENTIONS:
            for name, entry in config.datasets.items():
                if options["dataset"] in (None, name) and (entry.images == 1 or _is_one(entry.images)):
                    raise RequestError(
                        f"datasets.{name}.images: blocks are replaced by those of other images of the set; give two at "
                        "least"
                    )


def _is_one(images: int | list[str] | None) -> bool:
    return isinstance(images, list) and len(set(images)) == 1
