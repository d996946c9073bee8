"""The block `flow` of a study."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from l2xbench.config import Block, each_once, one_or_more


class FlowOptions(Block):
    """Which block does the work: the change of the output divided among a network's blocks, exactly."""

    key: ClassVar[str] = "flow"

    layers: Annotated[list[str], BeforeValidator(one_or_more), AfterValidator(each_once)] = Field(
        default=["blocks"], min_length=1
    )
    """The blocks: `blocks`, the network's repeated parts by its structure, or names and patterns (`layers.*`)."""
    size: int = Field(default=48, ge=8)
    """Side in LR pixels of what networks see, the middle of each image; smaller images are taken whole."""
    reference: str = "blur"
    """What the image is compared with: blur, mean or black."""
    target: str = "image"
    """Whose change is divided: `image`, or a window or output of the middle's SR image."""
    maps: int = Field(default=24, ge=0)
    """So many maps of blocks at most; where there are more blocks, neighbours share one. 0: none."""
    check: bool = True
    """Whether each block is put on its reference and left out, to see what its share is worth: two more passes for
    each block."""
