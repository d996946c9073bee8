"""Which orders of LR pixels are followed, and from which maps."""

from __future__ import annotations

from l2xbench.config import StudyConfig
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.attribution.units import map_options, patch_map_options
from l2xbench.studies.context.options import ContextOptions
from l2xbench.studies.restoration.units import measured
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.studies.shared.places import patch_options
from l2xbench.studies.study import Options

DISTANCE = "distance"
"""The control that hides the nearest pixels first."""
RANDOM = "random"
DIFFERENCE = "difference"
NEAR_DIFFERENCE = "near_difference"
CONTROLS = (DISTANCE, DIFFERENCE, NEAR_DIFFERENCE, RANDOM, BLURRED)
"""Orders that are no method's own map."""


def context_methods(config: StudyConfig) -> list[str]:
    """The methods whose maps are followed: the block's own, or those of the attribution block."""
    wanted = config.block(ContextOptions) or ContextOptions()
    return wanted.methods or (config.block(AttributionOptions) or AttributionOptions()).methods


def context_units(config: StudyConfig) -> list[tuple[str, Options]]:
    """One unit a method and order, and one a control, for all patches of an image."""
    wanted = config.block(ContextOptions)
    if wanted is None:
        return []
    methods = context_methods(config)
    maps = map_options(config, methods[0])
    reference = wanted.reference or maps["reference"]
    common = {
        **patch_options(wanted.places, wanted.size, config.scale),
        "hidden": wanted.hidden,
        "replacement": wanted.replacement,
        "reference": reference,
        "seed": config.seed,
        **measured(config),
    }
    found = []
    for method in [*(each for each in methods if each not in CONTROLS), *wanted.controls]:
        mapped = methods[0] if method == BLURRED else method
        for order in _orders(method, wanted):
            options: Options = {"method": method, "order": order, **common}
            if mapped not in CONTROLS:
                options["map"] = patch_map_options(config, mapped, reference, wanted.options)
            if method == RANDOM:
                options["random_orders"] = wanted.random_orders
            found.append((method if order == method else f"{method}-{order}", options))
    return found


def _orders(method: str, wanted: ContextOptions) -> list[str]:
    """Those of a map; a control that has none is an order itself, and the blurred map follows the first."""
    if method == BLURRED:
        return list(wanted.order[:1])
    return [method] if method in CONTROLS else list(wanted.order)
