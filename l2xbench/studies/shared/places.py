"""Which patches of the SR images a study looks at, as a YAML says it: given places, or a number of chosen ones."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from l2xbench.errors import RequestError
from l2xbench.resources import models_folder
from l2xbench.validation import Strict
from l2xbench.words import words

COMMITTEE = ("edsr-compact", "swin2sr-compact")
"""The bundled networks whose SR images `disagreement` compares: a convolutional one and a transformer."""
COMMITTEE_SCALE = 4
_LEAST = 16
"""SR pixels on a side of a patch that no study sizes: a papers' window, of whole LR pixels."""


class ChosenPlaces(Strict):
    """Patches that the image decides: the same for every network, and aligned to LR pixels."""

    count: int = Field(default=4, ge=1)
    """How many, that do not overlap; fewer where an image has no room."""
    by: Literal["detail", "disagreement", "random"] = "detail"
    """Where LR varies most; where two bundled networks, edsr-compact and swin2sr-compact, differ most (scale 4 alone);
    or anywhere."""


def _places(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    form = "places are [[x, y], ...], left and top of each patch in SR pixels, or {count: 4, by: detail}"
    for place in value:
        whole = isinstance(place, list | tuple) and all(type(number) is int and number >= 0 for number in place)
        if not whole or len(place) != 2:
            raise ValueError(f"found {place!r}; {form}")
    if not value:
        raise ValueError(f"the list is empty; {form}")
    return list(dict.fromkeys(tuple(place) for place in value))


def _kind(value: Any) -> str:
    return "<list>" if isinstance(value, list) else "<chosen>"


Places = Annotated[
    Annotated[list[tuple[int, int]], Tag("<list>")] | Annotated[ChosenPlaces, Tag("<chosen>")],
    Discriminator(_kind),
    BeforeValidator(_places),
]
"""`[[x, y], ...]`, left and top in SR pixels, or `{count: 4, by: detail}`."""


def patch_options(places: list[tuple[int, int]] | ChosenPlaces, size: int | None, scale: int) -> dict[str, Any]:
    """What decides the patches of an image, besides its pixels and the seed, as a unit's options.

    Args:
        places: as the YAML says.
        size: SR pixels on a side; None for 16, or the next number of whole LR pixels.
        scale: of the study.
    """
    options: dict[str, Any] = {"size": patch_size(size, scale), "scale": scale}
    if isinstance(places, list):
        return {**options, "places": [list(place) for place in places]}
    chosen: dict[str, Any] = {"count": places.count, "by": places.by}
    if places.by == "disagreement":
        chosen["committee"] = _committee_digest()
    return {**options, "places": chosen}


def patch_size(size: int | None, scale: int) -> int:
    """SR pixels on a side of a patch: the YAML's, or 16, rounded up to whole LR pixels.

    Examples:
        >>> patch_size(None, 4), patch_size(None, 3), patch_size(8, 3)
        (16, 18, 8)
    """
    return size or -(-_LEAST // scale) * scale


def check_places(key: str, places: list[tuple[int, int]] | ChosenPlaces, size: int | None, scale: int) -> None:
    """What would fail for every image.

    Args:
        key: of the block.
        places: as the YAML says.
        size: likewise.
        scale: of the study.

    Raises:
        RequestError: chosen patches that are not of whole LR pixels, or a committee that has another scale.
    """
    if isinstance(places, list):
        return
    side = patch_size(size, scale)
    if side % scale:
        raise RequestError(
            f"{key}.size: {side} SR pixels are no whole number of LR pixels at scale {scale}; say "
            f"{-(-side // scale) * scale}, or give {key}.places as [[x, y], ...]"
        )
    if places.by == "disagreement" and scale != COMMITTEE_SCALE:
        raise RequestError(
            f"{key}.places.by: disagreement is that of bundled networks, which are of scale {COMMITTEE_SCALE}, not "
            f"{scale}; say detail or random"
        )


@cache
def _committee_digest() -> str:
    """Tells the weights of the committee from those of another version."""
    total = hashlib.sha256()
    for name in COMMITTEE:
        total.update((models_folder() / "weights" / f"{name}.safetensors").read_bytes())
    return total.hexdigest()[:16]


def places_note(places: list[tuple[int, int]] | ChosenPlaces, scale: int) -> str:
    """How a table's note says which patches there are."""
    if isinstance(places, list):
        return "at " + "; ".join(f"{x},{y}" for x, y in places) + " (left, top)"
    called = words(scale)
    where = {
        "detail": f"where {called.the_lr} varies most",
        "disagreement": f"where the {called.sr} images of {COMMITTEE[0]} and {COMMITTEE[1]} differ most",
        "random": "at random",
    }
    return f"{places.count} an image, {where[places.by]}, the same for every network"
