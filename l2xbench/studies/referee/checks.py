"""What would fail for every patch, told before anything is run."""

from __future__ import annotations

from functools import partial

import torch

from l2xbench.attribution.methods.registry import get_method
from l2xbench.attribution.references import make_reference
from l2xbench.config import StudyConfig
from l2xbench.errors import RequestError
from l2xbench.studies.attribution.checks import told_by_key
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
    for method in wanted.methods:
        told_by_key("referee.methods", partial(get_method, method))
        if get_method(method).needs_hr:
            raise RequestError(f"referee.methods: '{method}' is what maps are compared with; leave it out")
    for method, options in wanted.options.items():
        if method not in wanted.methods:
            raise RequestError(f"referee.options: '{method}' is not in referee.methods: {', '.join(wanted.methods)}")
        told_by_key(f"referee.options.{method}", partial(_bound, method, options))
    told_by_key("referee.reference", lambda: make_reference(wanted.reference, torch.zeros(1, 3, 8, 8)))
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


def _bound(method: str, options: dict[str, int | float | bool | str]) -> object:
    return get_method(method).bind(options)
