"""The block `context` of a study."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from l2xbench.config import Block, each_once, one_or_more
from l2xbench.studies.attribution.options import MethodOptions, Methods
from l2xbench.studies.shared.hiding import Replacement, with_blurred
from l2xbench.studies.shared.places import ChosenPlaces, Places


def _numbers(value: Any) -> Any:
    """`4,8,16` as flags say it, or one number."""
    if isinstance(value, str):
        try:
            return [int(part) for part in value.split(",")]
        except ValueError:
            raise ValueError(f"found '{value}'; numbers of LR pixels are needed, for example 4,8,16") from None
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


class ContextOptions(Block):
    """Which context a network uses: LR pixels around a patch are hidden in a map's order, and the patch is watched."""

    key: ClassVar[str] = "context"

    places: Places = Field(default_factory=ChosenPlaces)
    """The patches: `[[x, y], ...]`, left and top in SR pixels, or `{count: 4, by: detail}` (or `disagreement`, or
    `random`)."""
    size: int | None = Field(default=None, ge=1)
    """SR pixels on a side of a patch; by default 16, or the next whole number of LR pixels."""
    hidden: Annotated[list[Annotated[int, Field(ge=1)]], BeforeValidator(_numbers)] = Field(
        default=[4, 8, 16, 32, 64, 128], min_length=1
    )
    """How many LR pixels are hidden, of those that are not under the patch."""
    methods: Methods = Field(default_factory=list)
    """Whose maps of the patch give the order; those of the attribution block by default."""
    options: MethodOptions = Field(default_factory=dict)
    """Method -> its own options, besides those of the attribution block: `{integrated_gradients: {steps: 20}}`."""
    order: Annotated[
        list[Literal["descending", "absolute", "ascending"]], BeforeValidator(one_or_more), AfterValidator(each_once)
    ] = Field(default=["descending", "absolute"], min_length=1)
    """By the signed map, the largest first, as in `ablation`; by its absolute value; the smallest first. Channels are
    summed. The first is what tables and findings compare with the others."""
    controls: Annotated[
        list[Literal["distance", "difference", "near_difference", "random", "blurred"]],
        BeforeValidator(one_or_more),
        AfterValidator(each_once),
    ] = Field(default=["distance", "difference", "near_difference", "random"])
    """Orders that know nothing of the network, which a faithful map has to beat: the nearest pixels first, |x - x'|,
    |x - x'| over the squared distance, random; and `blurred`, the first method's map under a Gaussian, which is there
    by default with `road`."""
    replacement: Replacement = "mean"
    """What a hidden pixel becomes: its channel's mean over the image, the reference, 0 (`black`), or what its
    neighbours say (`road`: noisy linear imputation, Rong et al., ICML 2022), which favours blurred maps."""
    reference: str | None = None
    """`attribution.reference` by default."""
    random_orders: int = Field(default=3, ge=1)
    """How many random orders the control takes."""

    @model_validator(mode="before")
    @classmethod
    def _imputed_beside_a_blurred_map(cls, data: Any) -> Any:
        return with_blurred(data, ("distance", "difference", "near_difference", "random"))

    @field_validator("hidden")
    @classmethod
    def _ascending(cls, hidden: list[int]) -> list[int]:
        return sorted(set(hidden))
