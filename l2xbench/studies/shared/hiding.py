"""What hidden features become, as the YAML of a study that hides some says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

BLURRED = "blurred"
"""The control that follows the first method's map under a Gaussian: what hiding blobs instead of pixels does."""
Replacement = Literal["mean", "reference", "black", "road"]
BECOMES = {
    "mean": "the channel's mean over the image",
    "reference": "the reference",
    "black": "0",
    "road": "what its neighbours say (noisy linear imputation: Rong et al., ICML 2022)",
}
"""Replacement -> how a table's note says it."""
IMPUTATION_NOTE = (
    "Imputation restores single pixels better than blobs, so it favours blurred maps (Song et al., arXiv 2304.13836). "
    f"{BLURRED} is the first method's map under a Gaussian: where it loses more than that map, blobs are what counted."
)
"""What a table has to say where features are imputed."""


def orders_told(count: int) -> str:
    """What a note says of the control of random orders.

    Examples:
        >>> orders_told(1), orders_told(5)
        ('1 random order', '5 random orders')
    """
    return f"{count} random order{'' if count == 1 else 's'}"


def with_blurred(block: Any, controls: Sequence[str]) -> Any:
    """The block with the control `BLURRED` where it asks for imputation and names no controls.

    Args:
        block: as the YAML has it.
        controls: its defaults.
    """
    if isinstance(block, Mapping) and block.get("replacement") == "road" and "controls" not in block:
        return {**block, "controls": [*controls, BLURRED]}
    return block
