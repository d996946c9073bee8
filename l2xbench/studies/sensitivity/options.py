"""The block `sensitivity` of a study."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from l2xbench.studies.attribution.tested import MapTestOptions


class SensitivityOptions(MapTestOptions):
    """Sensitivity-n (Ancona et al., 2018): do a map's sums over random features follow the objective?"""

    key: ClassVar[str] = "sensitivity"

    granularity: Literal["pixel", "element"] = "pixel"
    """A feature is a position with all its channels, or one channel of it."""
    sizes: int = Field(default=8, ge=2)
    """How many n, in a geometric series from 1 to all features."""
    subsets: int = Field(default=20, ge=3)
    """Random subsets for each n."""
