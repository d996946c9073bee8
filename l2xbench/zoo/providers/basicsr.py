"""Any architecture of BasicSR's registry; the card's `arch` is BasicSR's `network_g` block verbatim."""

from __future__ import annotations

from typing import Any

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.system.compat import import_basicsr
from l2xbench.zoo.cards import ModelCard
from l2xbench.zoo.providers import Built, States
from l2xbench.zoo.providers.construct import construct, window_of

SCALE_ARGUMENTS = ("upscale", "scale", "upscaling_factor")


def build(card: ModelCard, states: States | None) -> Built:
    """The architecture `card.arch.type` of BasicSR's registry.

    Raises:
        RequestError: no such architecture, or arguments that it does not take.
    """
    import_basicsr()
    import basicsr.archs  # noqa: F401  fills the registry
    from basicsr.utils.registry import ARCH_REGISTRY

    arguments: dict[str, Any] = dict(card.arch)
    kind = str(arguments.pop("type"))
    names = [name for name, _ in ARCH_REGISTRY]
    if kind not in names:
        raise RequestError(
            f"{card.name}: arch.type: '{kind}' is not in BasicSR's registry; {did_you_mean(kind, names)}"
        )
    make = ARCH_REGISTRY.get(kind)
    core = construct(make, arguments, card)
    scale = next((arguments[key] for key in SCALE_ARGUMENTS if key in arguments), getattr(core, "upscale", None))
    return Built(core, scale=scale, multiple=window_of(make, arguments))
