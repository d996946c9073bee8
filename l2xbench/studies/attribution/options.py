"""The blocks `attribution` and `heatmaps` of a study."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from l2xbench.config import Block, each_once, one_or_more

MethodOptions = dict[str, dict[str, int | float | bool | str]]
"""Method -> its own options."""


class AttributionOptions(Block):
    """How maps are made."""

    key: ClassVar[str] = "attribution"
    absent: ClassVar[Literal["off", "on", "always on"]] = "on"

    methods: list[str] = Field(default=["l2x"], min_length=1)
    """Each makes a map of every image and network; the first is the one that is drawn first."""
    options: MethodOptions = Field(default_factory=dict)
    """Method -> its own options: `{integrated_gradients: {steps: 20}}`."""
    reference: str = "blur"
    """What an image is compared with: `blur`, `blur:VARIANCE`, `mean` or `black`."""
    target: str = "image"
    """What of the SR image is explained: `image`, `patch:y,x,h,w` or `neuron:c,y,x`."""
    strict: bool = False
    """Refuse operations that the engine has no exact rule for."""
    precision: Literal["auto", "float32", "float64"] = "auto"
    """What is computed in: `auto` is float32, and float64 for `l2x` of a single output or a small patch."""


Methods = Annotated[list[str], BeforeValidator(one_or_more), AfterValidator(each_once)]
"""Whose maps a test of maps takes, in its own block."""


def _box(text: str) -> str:
    if text != "auto" and not re.fullmatch(r"\d+,\d+,\d+,\d+", text):
        raise ValueError("auto, or y,x,h,w in SR pixels, for example 60,80,48,48")
    return text


Box = Annotated[str, AfterValidator(_box)]


class HeatmapOptions(Block):
    """The paper's Fig. 2."""

    key: ClassVar[str] = "heatmaps"
    absent: ClassVar[Literal["off", "on", "always on"]] = "on"

    palette: Literal["green-red", "blue-orange"] = "green-red"
    """`blue-orange` is for readers who cannot tell green from red."""
    scale: Literal["auto", "linear", "symlog"] = "auto"
    """`symlog` shades by the symmetric logarithm, which shows far pixels that count for little each; `auto` takes it
    for a patch or a neuron, and `linear` for the whole image."""
    zoom: Box | dict[str, Box] | None = "auto"
    """The part that HR and SR show enlarged: `y,x,h,w` in SR pixels, one for each image by name, or `auto`, where the
    networks differ most; null shows the whole image."""
