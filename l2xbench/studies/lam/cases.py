"""Which windows of which images are looked at: those that a study names, and those that papers print."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Discriminator, Tag

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.validation import Strict, has_negative, read_yaml

CROP = "-crop-"
"""Between an image's name and left, top and side in HR pixels, in the name of a part of it that is taken for whole."""
PUBLISHED_SIDE = 256
"""Side in HR pixels of the test images that papers take LAM of."""


def window_numbers(text: str) -> tuple[int, int, int]:
    """Left, top and side in SR pixels of `X,Y,SIZE`.

    Raises:
        RequestError: it is no such text.

    Examples:
        >>> window_numbers("119,115,24")
        (119, 115, 24)
    """
    if has_negative(text, 3):
        raise RequestError(f"'{text}' has a negative number: left and top count from the corner, from 0 on")
    if not re.fullmatch(r"\s*\d+\s*,\s*\d+\s*,\s*[1-9]\d*\s*", text):
        raise RequestError(f"'{text}' is no window: X,Y,SIZE is needed, left, top and side in SR pixels, as 119,115,24")
    x, y, size = (int(part) for part in text.split(","))
    return x, y, size


def _window(text: str) -> str:
    try:
        return ",".join(map(str, window_numbers(text)))
    except RequestError as error:
        raise ValueError(str(error)) from None


Window = Annotated[str, AfterValidator(_window)]
"""`X,Y,SIZE`: left, top and side in SR pixels."""


class Case(Strict):
    """A window of an image."""

    image: str
    """The image's name in its dataset."""
    window: Window
    """Left, top and side in SR pixels: `119,115,24`."""
    dataset: str | None = None
    """The study's name of the dataset; needed where the study has several."""

    @property
    def numbers(self) -> tuple[int, int, int]:
        """The window's left, top and side."""
        return window_numbers(self.window)


def parted_name(image: str) -> tuple[str, tuple[int, int, int] | None]:
    """An image's own name, and left, top and side in HR pixels of the part of it that was taken, if one was.

    Examples:
        >>> parted_name("img_005-crop-300-200-256"), parted_name("img_005")
        (('img_005', (300, 200, 256)), ('img_005', None))
    """
    found = re.fullmatch(rf"(.+){CROP}(\d+)-(\d+)-(\d+)", image)
    return (image, None) if found is None else (found[1], (int(found[2]), int(found[3]), int(found[4])))


@cache
def presets() -> dict[str, Case]:
    """The cases that papers print, by name.

    Examples:
        >>> presets()["urban100/img_019"].window
        '119,115,24'
    """
    return {name: Case(**case) for name, case in read_yaml(Path(__file__).parent / "presets.yaml").items()}


def find_preset(name: str) -> Case:
    """The published case of this name, in upper or lower case.

    Raises:
        RequestError: there is none.
    """
    known = {each.lower(): case for each, case in presets().items()}
    if name.lower() not in known:
        raise RequestError(f"no preset '{name}'; {did_you_mean(name, presets())}")
    return known[name.lower()]


def _case(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        # a study's own name of a dataset may be another than the published one
        return find_preset(value).model_copy(update={"dataset": None})
    except RequestError as error:
        raise ValueError(str(error)) from None


CaseEntry = Annotated[Case, BeforeValidator(_case)]
"""A case, or the name of a preset."""
AUTO: Literal["auto"] = "auto"


def _kind(value: Any) -> str:
    return "<auto>" if isinstance(value, str) else "<list>"


Cases = Annotated[
    Annotated[Literal["auto"], Tag("<auto>")] | Annotated[list[CaseEntry], Tag("<list>")], Discriminator(_kind)
]
"""A list of cases, or `auto`."""
