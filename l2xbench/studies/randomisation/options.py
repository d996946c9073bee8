"""The block `randomisation` of a study."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from l2xbench.config import Block
from l2xbench.studies.attribution.options import Methods


class RandomisationOptions(Block):
    """Does a map depend on what the network has learned? (Adebayo et al., 2018.)"""

    key: ClassVar[str] = "randomisation"

    methods: Methods = Field(default_factory=list)
    """Those of the attribution block and the control `difference` by default."""
    depths: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=[0.25, 0.5, 1.0], min_length=1)
    """Shares of the layers that are drawn anew, from the output down."""
