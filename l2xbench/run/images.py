"""The images of a run: read once, and known again by their files where an earlier run has read them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from l2xbench.data.datasets import Dataset, ImagePair, LoadedPair
from l2xbench.store.units import short_digest
from l2xbench.system.inorder import in_order

READERS = 4
"""Threads that read images before the first network runs."""


@dataclass
class Images:
    """The readable images of a dataset."""

    dataset: Dataset
    pairs: list[ImagePair] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    """Names of those that could not be read."""
    pixels: dict[str, LoadedPair] = field(default_factory=dict)
    """The pixels of the first images of a run that were read anew."""

    @property
    def names(self) -> list[str]:
        return [pair.name for pair in self.pairs]

    @property
    def shorts(self) -> list[str]:
        """The digests as keys hold them."""
        return [short_digest(digest) for digest in self.digests]


@dataclass(frozen=True)
class Reading:
    """What was learned of an image."""

    source: str
    """What its files are told by."""
    digest: str
    """The SHA-256 of its pixels."""
    loaded: LoadedPair | None
    """None where the image was known by its source."""


def read_all(
    dataset: Dataset, known: Mapping[tuple[str, str], str], scale: int, crop: int | None
) -> Iterator[tuple[ImagePair, Reading | Exception]]:
    """Each image of a dataset with what was read of it, or why it cannot be read.

    Args:
        dataset: the images.
        known: (image, source) -> digest, of those that need not be decoded again.
        scale: of the study.
        crop: of the dataset, in LR pixels.
    """

    def read(pair: ImagePair) -> Reading | Exception:
        try:
            source = pair.source(scale, crop)
            if (pair.name, source) in known:
                return Reading(source, known[pair.name, source], None)
            loaded = pair.load(scale, crop)
            return Reading(source, loaded.digest, loaded)
        except Exception as error:
            return error

    return zip(dataset.pairs, in_order(read, dataset.pairs, READERS), strict=True)
