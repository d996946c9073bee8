"""Which orders of features are followed, and from which maps."""

from __future__ import annotations

from l2xbench.config import StudyConfig
from l2xbench.studies.ablation.options import AblationOptions
from l2xbench.studies.attribution.options import AttributionOptions
from l2xbench.studies.restoration.units import measured
from l2xbench.studies.shared.hiding import BLURRED
from l2xbench.studies.study import Options

RANDOM = "random"
"""The control that follows random orders: it has no map."""
CONTROL = "difference"
"""The control that looks at no network, only at how far the image is from the reference."""


def mapped_methods(config: StudyConfig) -> list[str]:
    """The methods whose maps are followed: the block's own, or those of the attribution block."""
    wanted, maps = config.block(AblationOptions), config.block(AttributionOptions)
    return [] if wanted is None or maps is None else wanted.methods or maps.methods


def ablated_methods(config: StudyConfig) -> list[str]:
    """The methods of the ablation, controls last; `random` stands for random orders."""
    wanted = config.block(AblationOptions)
    methods, controls = mapped_methods(config), [] if wanted is None else wanted.controls
    return [*(method for method in methods if method not in controls), *controls] if methods else []


def ablation_units(config: StudyConfig) -> list[tuple[str, Options]]:
    """One unit a method, granularity and order; all ratios and all random orders are one unit."""
    wanted, maps = config.block(AblationOptions), config.block(AttributionOptions)
    if wanted is None or maps is None:
        return []
    common = {
        "ratios": wanted.ratios,
        "replacement": wanted.replacement,
        "reference": maps.reference if wanted.replacement == "reference" else "",
        "seed": config.seed,
        **measured(config),
    }
    found = []
    for method in ablated_methods(config):
        for granularity in wanted.granularity:
            for order in [RANDOM] if method == RANDOM else wanted.order:
                options = {"method": method, "granularity": granularity, "order": order, **common}
                if method == RANDOM:
                    options["random_orders"] = wanted.random_orders
                if method == BLURRED:
                    options["of"] = mapped_methods(config)[0]
                found.append((f"{method}-{granularity}-{order}", options))
    return found
