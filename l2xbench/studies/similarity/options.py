"""The block `similarity` of a study."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from l2xbench.config import Block, each_once, one_or_more

UNTRAINED = "untrained"
"""The label of the units of a network's untrained twin."""
CONTROL = "difference"
"""The row of the control |x - x'|, which knows no network."""
TWIN = "*"
"""Ends the name of an untrained twin; no network's name has it."""
MULTIPLIED = ("l2x", "integrated_gradients", "deeplift")
"""The methods whose map is a multiplier times x - x'."""


def twin_of(name: str) -> str:
    """What tables and figures call a network's untrained twin."""
    return f"{name}{TWIN}"


class SimilarityOptions(Block):
    """The paper's Fig. 3(b): CKA of the networks' attributions of the same LR crops."""

    key: ClassVar[str] = "similarity"

    size: int = Field(default=32, ge=8)
    """LR pixels on a side of a crop."""
    crops: int = Field(default=8, ge=1)
    """Crops of each image, at places that the image's name and the seed decide."""
    signs: Literal["positive", "signed", "negative", "absolute"] = "positive"
    """Which attributions count; `positive`, the paper's, sets the others to zero."""
    estimator: Literal["biased", "unbiased"] = "unbiased"
    """Which HSIC the column `cka` and its interval are of: the paper's, or the one that is 0 for unrelated networks
    however few the crops. The columns `biased` and `unbiased` have both; dCKA is always unbiased."""
    method: str = "l2x"
    """Whose maps are compared."""
    of: Literal["attributions", "multipliers", "features"] = "attributions"
    """The maps R = m (x - x'), the paper's, or m alone, without the image's x - x'; 0 where x = x'. Of `layers`, their
    attributions, or `features`, what they give."""
    layers: Annotated[list[str], BeforeValidator(one_or_more), AfterValidator(each_once)] = Field(default=[])
    """Layers that are compared with layers, within a network and between two: `blocks`, the networks' repeated parts by
    their structure, or names and patterns. None by default; maps of the input are compared beside them."""
    reference: str | None = None
    """`attribution.reference` by default."""
    target: str = "image"
    """In the SR pixels of a crop; `centre` is the block that the LR pixel in its middle becomes, `neuron` the green
    value of one SR pixel in it."""
    untrained: bool = False
    """Whether each network's untrained twin (`edsr*`: the architecture's own initial weights) is compared too."""
    alone: bool = False
    """Whether a study of one network makes its maps too: there is nothing to compare them with before `l2xbench merge`
    joins them with another's."""
    seeds: dict[str, list[str]] = Field(default_factory=dict)
    """Networks that are trainings of one architecture, by its name (`edsr: [edsr-compact, edsr-compact-s1]`): how alike
    they are is what two architectures have to stay below to differ. Networks in no group stand for themselves."""
    resample: Literal["images", "crops"] = "images"
    """What the test and the interval take for independent; crops where there are fewer than 8 images."""
    permutations: int = Field(default=999, ge=0)
    """Permutations of the samples, for the p-value and the chance level."""
    bootstrap: int = Field(default=1000, ge=0)
    """Resamples for the interval."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """The interval's level."""
    order: Literal["study", "clustered"] = "clustered"
    """The networks' order in the figure: the study's, or like ones side by side, with their tree."""

    @field_validator("seeds")
    @classmethod
    def _one_group_each(cls, seeds: dict[str, list[str]]) -> dict[str, list[str]]:
        named = [name for members in seeds.values() for name in members]
        twice = next((name for name in named if named.count(name) > 1), None)
        if twice is not None:
            raise ValueError(f"'{twice}' is named twice; each network is a training of one architecture")
        return seeds

    def target_at(self, scale: int) -> str:
        """The target as `explain` takes it."""
        corner = self.size // 2 * scale
        if self.target == "neuron":
            return f"neuron:1,{corner + scale // 2},{corner + scale // 2}"
        return f"patch:{corner},{corner},{scale},{scale}" if self.target == "centre" else self.target
