"""The block `referee` of a study."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from l2xbench.config import Block, each_once, one_or_more
from l2xbench.studies.lam.cases import AUTO, Cases


class RefereeOptions(Block):
    """Do maps agree with what happens to a patch's PSNR when LR pixels are replaced? (After Hu et al., TPAMI 2025.)"""

    key: ClassVar[str] = "referee"

    cases: Cases = AUTO
    """The patches: `{image: img_019, window: "119,115,24"}`, or a preset's name; `auto` takes one of each image, where
    interpolation is farthest from HR."""
    size: int = Field(default=32, ge=4)
    """Side in SR pixels of the patches that `auto` takes."""
    methods: Annotated[list[str], BeforeValidator(one_or_more), AfterValidator(each_once)] = Field(
        default=["l2x", "integrated_gradients", "lam", "input_x_gradient", "gradient", "difference", "random"],
        min_length=1,
    )
    """Whose maps are compared with the interventions."""
    options: dict[str, dict[str, int | float | bool | str]] = Field(default_factory=dict)
    """Method -> its own options: `{integrated_gradients: {steps: 20}}`."""
    reference: str = "blur"
    """The reference of those methods that have none of their own."""
    block: int = Field(default=2, ge=1)
    """Side in LR pixels of a block that is replaced."""
    coarse: int = Field(default=3, ge=1)
    """How often each block is replaced at first; with h x w LR pixels a network runs on coarse (h / block) (w / block)
    images for each patch."""
    fine: int = Field(default=50, ge=0)
    """How often, anew, where one of the first replacements changed the PSNR by `least`; these passes come on top."""
    least: float = Field(default=0.01, gt=0)
    """Change of the PSNR in dB from which on a block acts; a smaller effect counts as none."""
