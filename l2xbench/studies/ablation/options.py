"""The block `ablation` of a study."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from l2xbench.config import Block, each_once, one_or_more
from l2xbench.studies.ablation.ratios import parse_ratios
from l2xbench.studies.attribution.options import Methods
from l2xbench.studies.shared.hiding import Replacement, with_blurred


def _ratios(value: Any) -> Any:
    if isinstance(value, str):
        return parse_ratios(value)
    return [value] if isinstance(value, (int, float)) and not isinstance(value, bool) else value


class AblationOptions(Block):
    """The paper's Fig. 3(a): features are masked in a map's order, and PSNR and SSIM watched."""

    key: ClassVar[str] = "ablation"

    ratios: Annotated[list[Annotated[float, Field(gt=0, lt=1)]], BeforeValidator(_ratios)] = Field(
        default=parse_ratios("0.05:0.4"), min_length=1
    )
    """The shares of the features that are masked; `0.05:0.4` steps by 0.05, `0.1:0.4:0.1` by 0.1."""
    methods: Methods = Field(default_factory=list)
    """Whose maps give the order; those of the attribution block by default."""
    controls: Annotated[
        list[Literal["difference", "random", "blurred"]], BeforeValidator(one_or_more), AfterValidator(each_once)
    ] = Field(default=["difference", "random"])
    """Orders that know nothing of the network, which a faithful map has to beat; and `blurred`, the first method's map
    under a Gaussian, which a map that gains by naming pixels has to beat. With `road` all three by default."""
    granularity: Annotated[
        list[Literal["pixel", "element"]], BeforeValidator(one_or_more), AfterValidator(each_once)
    ] = Field(default=["pixel"], min_length=1)
    """A feature is a position with all its channels, or one channel of it."""
    order: Annotated[
        list[Literal["descending", "absolute", "ascending"]], BeforeValidator(one_or_more), AfterValidator(each_once)
    ] = Field(default=["descending"], min_length=1)
    """By the signed attribution, the largest first (the paper's); by its absolute value; the smallest first."""
    replacement: Replacement = "mean"
    """What a masked feature becomes: its channel's mean over the image (the paper's), the reference, 0, or what its
    neighbours say (noisy linear imputation: Rong et al., ICML 2022), which favours blurred maps."""
    random_orders: int = Field(default=3, ge=1)
    """How many random orders the control takes."""

    @model_validator(mode="before")
    @classmethod
    def _imputed_beside_a_blurred_map(cls, data: Any) -> Any:
        return with_blurred(data, ("difference", "random"))

    @field_validator("ratios")
    @classmethod
    def _ascending(cls, ratios: list[float]) -> list[float]:
        return sorted(set(ratios))
