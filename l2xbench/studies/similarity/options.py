"""The block `similarity` of a study."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from l2xbench.config import Block


class SimilarityOptions(Block):
    """The paper's Fig. 3(b): CKA of the networks' attributions of the same LR crops."""

    key: ClassVar[str] = "similarity"

    size: int = Field(default=32, ge=8)
    """LR pixels on a side of a crop."""
    crops: int = Field(default=8, ge=1)
    """Crops of each image, at places that the image's name and the seed decide."""
    signs: Literal["positive", "signed", "negative", "absolute"] = "positive"
    """Which attributions count; `positive`, the paper's, sets the others to zero."""
    estimator: Literal["biased", "unbiased"] = "biased"
    """Which HSIC: the paper's, or the one that is 0 for unrelated networks however few the crops."""
    method: str = "l2x"
    """Whose maps are compared."""
    reference: str | None = None
    """`attribution.reference` by default."""
    target: str = "image"
    """In the SR pixels of a crop."""
    resample: Literal["images", "crops"] = "images"
    """What the test and the interval take for independent; crops where there are fewer than 8 images."""
    permutations: int = Field(default=999, ge=0)
    """Permutations of the samples, for the p-value and the chance level."""
    bootstrap: int = Field(default=1000, ge=0)
    """Resamples for the interval."""
    confidence: float = Field(default=0.95, gt=0.5, lt=1)
    """The interval's level."""
    order: Literal["study", "clustered"] = "study"
    """The networks' order in the figure."""
