"""The block `steadiness` of a study."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from l2xbench.studies.attribution.tested import MapTestOptions


class SteadinessOptions(MapTestOptions):
    """Infidelity and max-sensitivity (Yeh et al., NeurIPS 2019): does a map predict what perturbations do, and does it
    stay where the image hardly changes?"""

    key: ClassVar[str] = "steadiness"

    perturbations: int = Field(default=50, ge=2)
    """Squares of the image that become the reference, for infidelity: each one more pass."""
    samples: int = Field(default=10, ge=1)
    """Images near by that are explained, for max-sensitivity: each one more map."""
    radius: float = Field(default=0.02, gt=0, lt=1)
    """How far each of their values may be from the image's, in [0, 1]."""
