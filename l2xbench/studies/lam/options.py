"""The block `lam` of a study."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from l2xbench.config import Block, each_once, one_or_more
from l2xbench.studies.lam.cases import Cases


class LamOptions(Block):
    """Local attribution maps of windows, and their diffusion index, as papers print them (Gu and Dong, CVPR 2021)."""

    key: ClassVar[str] = "lam"

    cases: Cases = Field(default_factory=list)
    """The windows: `{image: img_019, window: "119,115,24"}`, or a preset's name, `urban100/img_019`; or `auto`: where
    the networks' SR images differ most, which is looked for once all are there."""
    size: int = Field(default=24, ge=4)
    """Side in SR pixels of the windows that `auto` finds; papers take 24 on Urban100 and Manga109, 16 on others."""
    most: int = Field(default=4, ge=1)
    """How many windows `auto` finds in each dataset, one in an image."""
    methods: Annotated[list[str], BeforeValidator(one_or_more), AfterValidator(each_once)] = Field(
        default=["lam"], min_length=1
    )
    """Whose maps are shown of each window: `lam` in its published variant, and others beside it, such as `l2x`."""
    reference: str = "blur"
    """The reference of those methods that have none of their own."""
    steps: int = Field(default=50, ge=1)
    """Steps of LAM's path, each a gradient."""
    width: Literal["auto", "column", "page"] = "auto"
    """How wide the figures are: a column of 8.5 cm, a page of 17.5 cm, or whichever the number of networks needs."""
