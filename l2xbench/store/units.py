"""The unit of work of a study, its key, and what it gives."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Value = float | int | str | bool | None | list[float] | list[list[float]]
"""What a record can hold, as JSON does."""
Arrays = Mapping[str, NDArray[Any]]
"""Arrays by name."""


WEIGHTS_KEY = "weights_key"
"""The value of a record that says which of a checkpoint's several weights its network took by itself."""

OUTPUT = "output"
"""The value of a record that says which of several outputs was taken for its network's SR image by itself."""


class GroupName(NamedTuple):
    """All that tells a unit from others but the image: the units that share it are a group, and share a journal."""

    study: str
    dataset: str
    model: str
    label: str


@dataclass(frozen=True)
class Unit:
    """One (study, model, image) piece of work."""

    study: str
    version: int
    """The version of the study's code; a new one makes old records stale."""
    dataset: str
    image: str
    model: str
    """The study's own name for the network; empty where no network is run."""
    label: str = ""
    """Tells units of the same study, model and image apart (the attribution method)."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Everything from the config that decides the result."""
    needs: Unit | None = None
    """The unit of the same network and image that this one starts from; it runs before."""
    others: str = ""
    """What the images of its dataset are told by, where the unit looks at others than its own."""

    @property
    def group(self) -> GroupName:
        """The group that this unit belongs to."""
        return GroupName(self.study, self.dataset, self.model, self.label)

    def recipe(self, network: str) -> str:
        """What decides the result apart from the image, given the network's identity: 32 hexadecimal digits."""
        parts = [self.study, self.version, self.label, dict(self.options), network]
        if self.needs is not None:
            parts.append(self.needs.recipe(network))
        if self.others:
            parts.append({"others": self.others})
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]

    def key(self, network: str, image: str) -> str:
        """All that decides the result: the recipe and, after a point, the image's short digest, if an image is given.

        Of SHA-256 the first 128 bits are kept. The units of a network and a dataset share one recipe, so that a study
        of millions is planned without a hash a unit.

        Args:
            network: the network's identity; empty where none is run.
            image: the digest of the image's pixels; empty where no image decides.
        """
        return key_of(self.recipe(network), short_digest(image) if image else "")

    def at(self, image: str) -> Unit:
        """The same of another image."""
        return replace(self, image=image, needs=None if self.needs is None else self.needs.at(image))

    def __str__(self) -> str:
        return " ".join(part for part in (self.study, self.label, self.model, self.dataset, self.image) if part)


def key_of(recipe: str, digest: str) -> str:
    """The key of a unit from its recipe and its image's short digest, as `Unit.key` makes it.

    Examples:
        >>> key_of("0f3a", "77c1")
        '0f3a.77c1'
    """
    return f"{recipe}.{digest}" if digest else recipe


def short_digest(digest: str) -> str:
    """An image's digest as keys hold it: 32 hexadecimal digits."""
    return hashlib.sha256(digest.encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Outcome:
    """What a unit gives: numbers for tables, arrays to be kept beside them."""

    values: Mapping[str, Value]
    images: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)
    """What -> uint8 (H, W, 3), kept as PNG."""
    arrays: Mapping[str, Arrays] = field(default_factory=dict)
    """What -> named arrays, kept as NPZ."""
    later: Callable[[], Outcome] | None = None
    """The rest, for which no network is run: it is made in a thread, while the network is at the next unit."""

    def finished(self) -> Outcome:
        """The whole; what making the rest raises is the unit's failure."""
        if self.later is None:
            return self
        rest = self.later()
        return Outcome({**self.values, **rest.values}, {**self.images, **rest.images}, {**self.arrays, **rest.arrays})
