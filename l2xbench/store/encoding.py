"""An outcome as it will lie on disk: images as PNG, arrays as NPZ."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from PIL import Image

from l2xbench.store.units import Outcome, Value
from l2xbench.system.files import packed


@dataclass(frozen=True)
class EncodedOutcome:
    """An outcome whose images and arrays are bytes, ready to be written or sent to another process."""

    values: Mapping[str, Value]
    files: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    """What -> (ending, content)."""


def encode_outcome(outcome: Outcome) -> EncodedOutcome:
    """Encodes an outcome, which takes longer than writing it: a task for whoever has the time.

    Raises:
        TypeError: a value that no record can hold, such as an array.
        Exception: whatever the numbers that the study has left for `later` raise.
    """
    outcome = outcome.finished()
    for name, value in outcome.values.items():
        try:
            json.dumps(value)
        except TypeError:
            told = "a record holds text, truths, floats, integers and lists of floats"
            raise TypeError(f"the value '{name}' is of the type {type(value).__name__}; {told}") from None
    files = {}
    for what, image in outcome.images.items():
        buffer = io.BytesIO()
        # half of the time that the default (6) takes, for 3 % more bytes
        Image.fromarray(image).save(buffer, format="PNG", compress_level=4)
        files[what] = (".png", buffer.getvalue())
    for what, arrays in outcome.arrays.items():
        files[what] = (".npz", bytes(packed(arrays)))
    return EncodedOutcome(outcome.values, files)
