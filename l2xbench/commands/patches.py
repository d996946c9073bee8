"""Places of patches, as the command line says them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from l2xbench.errors import RequestError
from l2xbench.validation import has_negative


def places_of(at: Sequence[str] | None, count: int | None, by: str | None) -> Any:
    """The key `places` that flags say; None where they say nothing.

    Raises:
        RequestError: `--at` is no X,Y, or stands beside flags for chosen places.
    """
    if not at:
        chosen = {"count": count, "by": by}
        return {key: value for key, value in chosen.items() if value is not None} or None
    if count is not None or by is not None:
        raise RequestError(
            "--at gives the patches; --count and --by are for patches that are chosen: give one of the two"
        )
    for text in at:
        if has_negative(text, 2):
            raise RequestError(
                f"--at {text}: a negative number: X and Y are counted from the left top corner, from 0 on"
            )
        if not re.fullmatch(r"\s*\d+\s*,\s*\d+\s*", text):
            raise RequestError(f"--at {text}: X,Y is needed, left and top of a patch in SR pixels, as --at 120,120")
    return [[int(number) for number in text.split(",")] for text in at]
