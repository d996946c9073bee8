"""The block `randomisation` of a study."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from l2xbench.studies.attribution.tested import MapTestOptions


class RandomisationOptions(MapTestOptions):
    """Does a map depend on what the network has learned? (Adebayo et al., 2018.)"""

    key: ClassVar[str] = "randomisation"

    depths: list[Annotated[float, Field(gt=0, le=1)]] = Field(default=[0.25, 0.5, 1.0], min_length=1)
    """Shares of the layers that are drawn anew, from the output down."""
