"""The block `erf` of a study."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from l2xbench.config import Block, each_once, one_or_more


class ErfOptions(Block):
    """Effective receptive fields: which LR pixels the centre of the SR image depends on (Luo et al., NeurIPS 2016)."""

    key: ClassVar[str] = "erf"

    of: Annotated[list[Literal["gradient", "multipliers"]], BeforeValidator(one_or_more), AfterValidator(each_once)] = (
        Field(default=["gradient", "multipliers"], min_length=1)
    )
    """The centre SR pixel's gradient, as published, and L2X's multipliers between image and reference."""
    variant: Literal["crop", "mambair"] = "crop"
    """What networks see: the middle of each image, or all of it brought to `size` x `size` by the nearest pixel, as
    MambaIR's script does (at 120)."""
    size: int = Field(default=120, ge=8)
    """Side in LR pixels of what networks see; images that are smaller fail, unless `variant` is `mambair`."""
    reference: str = "blur"
    """The reference of the multipliers."""
