"""What datasets call their two sides, in the names of folders and of files: HR is the one to be restored."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

Side = Literal["HR", "LR"]

HR_FOLDERS = ("HR", "GT", "GTmod12", "GTmod2", "GTmod4")
"""Folders that hold HR, also where there is no LR beside them."""
LR_FOLDERS = ("LR_bicubic", "LR")
"""Folders that hold LR, also where there is no HR beside them."""

HR_WORDS = (
    *("gt", "hr", "hq", "target", "targets", "sharp", "clean", "groundtruth", "ground_truth", "ground-truth"),
    *("norain", "high", "label", "labels", "reference", "ref", "original", "originals", "clear"),
)
LR_WORDS = (
    *("lq", "lr", "input", "inputs", "blur", "blurry", "blurred", "noisy", "noise", "rain", "rainy", "hazy", "haze"),
    *("low", "degraded", "compressed", "jpeg", "distorted", "dist", "raw", "snow", "snowy", "dark"),
)
"""What both sides are called in sets for denoising, deblurring, deraining and the like; `sharp` is a side where there
is a `blur` beside it, else it may be anything."""

_TAG = {
    side: re.compile(rf"(?i)(.+?)[_-]({'|'.join(words)})_?x?(\d?)$|({'|'.join(words)})[_-](.+)$")
    for side, words in (("HR", HR_WORDS), ("LR", LR_WORDS))
}
_INTERPOLATED = ("bicubic", "bic", "lrbic", "lrbicubic", "unknown")
"""What a folder of LR images beside one of HR images may also be called."""
_SCALED = re.compile(r"(?i)(.*?)(?:[_-]?x_?(\d)|(?:^|[_-])(\d)x|(?<=L[RQ])_?(\d))")
_TIMES = re.compile(r"(?i)(.+?)_?x(\d)")


class Tagged(NamedTuple):
    """What a file's stem says of itself."""

    name: str
    """The image's, without the tag."""
    side: Side
    scale: int | None
    """`4` of `_LR4` and `x4`."""
    is_sure: bool
    """Whether the tag is `HR`, `GT`, `LR` or `LQ`, which are words for nothing else."""


def tag_of(stem: str) -> Tagged | None:
    """The side that a file's name tells; None where it tells none.

    Examples:
        >>> tag_of("Canon_001_LR4")
        Tagged(name='Canon_001', side='LR', scale=4, is_sure=True)
        >>> tag_of("norain-17").name, tag_of("norain-17").side
        ('17', 'HR')
        >>> tag_of("butterfly") is None
        True
    """
    sides: tuple[Side, ...] = ("HR", "LR")
    for side in sides:
        found = _TAG[side].fullmatch(stem)
        if found:
            word = (found[2] or found[4]).lower()
            number = int(found[3]) if found[3] else None
            return Tagged(found[1] or found[5], side, number, word in ("hr", "gt", "lr", "lq"))
    return None


def folder_side(name: str) -> tuple[Side, int | None] | None:
    """The side that a folder's name tells by one of its words, and the scale; None where it tells none, or both sides.

    Such names are only taken where a folder of the other side lies beside, with images of the same names.

    Examples:
        >>> folder_side("Set5_LR_x4"), folder_side("clean_images"), folder_side("x4")
        (('LR', 4), ('HR', None), ('LR', 4))
        >>> folder_side("photographs") is None
        True
    """
    scaled = _SCALED.fullmatch(name)
    scale = int(scaled[2] or scaled[3] or scaled[4]) if scaled else None
    rest = (scaled[1] if scaled else name).lower()
    words = {rest, *re.split(r"[^a-z]+", rest)}
    is_hr, is_lr = not words.isdisjoint(HR_WORDS), not words.isdisjoint((*LR_WORDS, *_INTERPOLATED))
    if is_hr == is_lr:
        return ("LR", scale) if scale is not None and not rest else None
    return ("HR", scale) if is_hr else ("LR", scale)


def times_of(stem: str) -> tuple[str, int] | None:
    """`0801x4` as the image's name and the scale.

    Examples:
        >>> times_of("0801x4")
        ('0801', 4)
    """
    found = _TIMES.fullmatch(stem)
    return (found[1], int(found[2])) if found else None
