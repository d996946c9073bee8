"""What can be fetched by name: the checkpoints of cards and the known test sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from l2xbench.errors import RequestError, did_you_mean
from l2xbench.fetch.download import Progress, Remote, fetch_file
from l2xbench.fetch.sets import KNOWN, KnownSet, find_set
from l2xbench.zoo.cards import BUNDLED_SUFFIXES, ModelCard, bundled_cards, read_card
from l2xbench.zoo.weights import (
    State,
    by_hand,
    cached_name,
    checkpoints_folder,
    expected_hash,
    state,
)

DEFAULT_SCALE = 4


@dataclass(frozen=True)
class Outcome:
    """What came of a fetch."""

    fetched: bool
    """Whether anything was downloaded."""
    path: Path | None
    """Where it lies; None where there is nothing to have."""
    checked: str
    """In words, how it is known to be right, or why there is nothing to have."""


class Item(Protocol):
    """Something with a name that can be fetched, or that says why not."""

    @property
    def name(self) -> str: ...

    @property
    def what(self) -> str:
        """In words: `checkpoint of EDSR`."""

    def state(self) -> str:
        """Where it is, in a word or two."""

    def size(self) -> int | None:
        """Bytes to download in all, where that is known."""

    def fetch(self, progress: Progress) -> Outcome:
        """Downloads what is not there and right.

        Raises:
            RequestError: it cannot be fetched; the line says how else it is had.
        """


@dataclass(frozen=True)
class Checkpoint:
    """A card's checkpoint."""

    card: ModelCard

    @property
    def name(self) -> str:
        return self.card.name

    @property
    def what(self) -> str:
        return f"checkpoint of {self.card.title}"

    def state(self) -> str:
        return state(self.card).value

    def size(self) -> int | None:
        return None

    def remote(self) -> Remote | None:
        """The file, where the card gives a direct URL."""
        name = cached_name(self.card)
        if self.card.weights is None or not self.card.weights.url or name is None:
            return None
        return Remote(self.card.weights.url, checkpoints_folder() / name, expected_hash(self.card))

    def fetch(self, progress: Progress) -> Outcome:
        where, remote = state(self.card), self.remote()
        if where in (State.BUNDLED, State.NONE):
            return Outcome(
                False, self.card.weights_path, "it comes with l2xbench" if self.card.weights else where.value
            )
        if remote is not None:
            progress.start(self.what, None)
            fetched = fetch_file(remote, progress)
            return Outcome(fetched, remote.path, _checked(remote))
        if where is State.PRESENT:
            return Outcome(False, self._path(), self._by_hand_is_right())
        if where is State.BY_HAND:
            raise RequestError(f"{self.name}: its authors give no direct address: {by_hand(self.card)}")
        if where is State.LOST:
            raise RequestError(f"{self.name}: weights.file: no such file: {self.card.weights_path}")
        raise RequestError(f"{self.name}: its card names no checkpoint to fetch")

    def _path(self) -> Path:
        return self.card.weights_path or checkpoints_folder() / (cached_name(self.card) or "")

    def _by_hand_is_right(self) -> str:
        """Checks a file that the user put there."""
        expected = expected_hash(self.card)
        if expected is None:
            return "no hash is published"
        remote = Remote("", self._path(), expected)
        if not remote.is_right():
            raise RequestError(f"{self._path()}: not the published file: its SHA-256 should begin with {expected[:16]}")
        return _checked(remote)


@dataclass(frozen=True)
class TestSet:
    """A known set at a scale."""

    __test__ = False  # pytest would take it for a test by its name
    known: KnownSet
    scale: int
    images: tuple[str, ...] | int | None = None

    @property
    def name(self) -> str:
        return self.known.name

    @property
    def what(self) -> str:
        return f"{self.known.name} (x{self.scale})"

    def state(self) -> str:
        if not self.known.fetchable:
            return "present" if self.known.folder.is_dir() else "by hand"
        if self.known.users_own():
            return "present"
        part = self.known.part(self.scale, self.images)
        missing = part.missing()
        if not missing:
            return "present"
        return "to fetch" if missing == part else "in part"

    def size(self) -> int | None:
        return self.known.part(self.scale, self.images).size if self.scale in self.known.scales else None

    def fetch(self, progress: Progress) -> Outcome:
        if self.state() == "present" and (not self.known.fetchable or self.known.users_own()):
            return Outcome(False, self.known.folder, "")
        part = self.known.part(self.scale, self.images)
        progress.start(self.what, part.size)
        fetched = part.fetch(progress)
        return Outcome(fetched > 0, self.known.folder, f"{part.described}, SHA-256 checked")


def _checked(remote: Remote) -> str:
    if remote.sha256 is None:
        return "no hash is published; the SHA-256 of the first download is recorded"
    whole = len(remote.sha256) == 64
    return "SHA-256 checked" if whole else f"SHA-256 begins with {remote.sha256}, as published"


def catalogue(scale: int) -> list[Item]:
    """All that can be had by name: every bundled card that has a checkpoint, and every known set that has the scale."""
    cards = (read_card(path) for path in bundled_cards().values())
    checkpoints = [Checkpoint(card) for card in cards if state(card) is not State.NONE]
    sets = [TestSet(known, scale) for known in KNOWN if not known.fetchable or scale in known.scales]
    return [*checkpoints, *sets]


def find_item(name: str, scale: int | None = None) -> Item:
    """The card or the set of this name; a card's YAML may be named by its path. Sets are at scale 4 by default.

    Raises:
        RequestError: there is neither (the nearest name is given), or the card is for another scale.
    """
    bundled = bundled_cards()
    if name in bundled or name.endswith(BUNDLED_SUFFIXES):
        card = read_card(bundled[name] if name in bundled else Path(name).expanduser())
        if None not in (scale, card.scale) and card.scale != scale:
            raise RequestError(f"{card.name}: the card is for scale {card.scale}, not {scale}")
        return Checkpoint(card)
    known = find_set(name)
    if known is not None:
        return TestSet(known, scale or DEFAULT_SCALE)
    sets = [each.name.lower() for each in KNOWN]
    raise RequestError(f"'{name}': no network or dataset of this name; {did_you_mean(name.lower(), [*bundled, *sets])}")
