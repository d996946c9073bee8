"""The block `reach` of a study."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from l2xbench.config import Block
from l2xbench.studies.attribution.options import MethodOptions, Methods
from l2xbench.studies.shared.places import ChosenPlaces, Places


class ReachOptions(Block):
    """How far a network looks: how much of a patch's map lies how far from it."""

    key: ClassVar[str] = "reach"

    places: Places = Field(default_factory=ChosenPlaces)
    """The patches: `[[x, y], ...]`, left and top in SR pixels, or `{count: 4, by: detail}` (or `disagreement`, or
    `random`)."""
    size: int | None = Field(default=None, ge=1)
    """SR pixels on a side of a patch; by default 16, or the next whole number of LR pixels."""
    methods: Methods = Field(default=["l2x"], min_length=1)
    """Whose maps are measured; of several, the tables show whether they agree on who looks farther."""
    options: MethodOptions = Field(default_factory=dict)
    """Method -> its own options, besides those of the attribution block: `{lam: {steps: 20}}`."""
    reference: str | None = None
    """`attribution.reference` by default; `lam` has its own."""
