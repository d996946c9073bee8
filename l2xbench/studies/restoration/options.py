"""The block `restoration` of a study."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from l2xbench.config import Block


class RestorationOptions(Block):
    """The paper's Table 1."""

    key: ClassVar[str] = "restoration"
    absent: ClassVar[Literal["off", "on", "always on"]] = "always on"

    colour: Literal["y", "rgb"] | None = None
    """PSNR and SSIM on the Y channel, as SR papers report them, or on RGB; by default Y, and RGB at scale 1."""
    border: int | None = Field(default=None, ge=0)
    """HR pixels left out at each border; by default the scale, and none at scale 1."""
