"""Where a card's checkpoint is, and how it is had where it is not here. Nothing is read, and torch is not needed."""

from __future__ import annotations

import re
from enum import Enum
from pathlib import Path
from urllib.parse import unquote, urlsplit

from l2xbench.errors import RequestError
from l2xbench.resources import cache_folder, card_folders
from l2xbench.zoo.cards import ModelCard


class State(str, Enum):
    """Where a card's checkpoint is."""

    NONE = "none needed"
    BUNDLED = "bundled"
    PRESENT = "present"
    TO_FETCH = "to fetch"
    BY_HAND = "by hand"
    LOST = "file is absent"
    """The card names a file that is not there."""
    UNKNOWN = "not known"
    """The card does not say."""


def checkpoints_folder() -> Path:
    """Where fetched checkpoints are kept, and where those downloaded by hand belong."""
    return cache_folder() / "checkpoints"


def state(card: ModelCard) -> State:
    """Where the card's checkpoint is; never raises."""
    own, weights = card.weights_path, card.weights
    if own is not None:
        if not own.is_file():
            return State.LOST
        ours = any(own.is_relative_to(folder.absolute()) for folder in card_folders())
        return State.BUNDLED if ours else State.PRESENT
    name = cached_name(card)
    if name is not None and (checkpoints_folder() / name).is_file():
        return State.PRESENT
    if is_fetchable(card):
        return State.TO_FETCH
    if weights is not None and (weights.url or weights.page):
        return State.BY_HAND
    # interpolation has nothing to learn, and a class of the user's may bring weights of its own
    return State.NONE if card.parameters == 0 or card.provider == "module" else State.UNKNOWN


def present_weights(card: ModelCard) -> Path | None:
    """The card's checkpoint file, beside the card or in the cache folder; None where it is in neither.

    Raises:
        RequestError: the card names a file of its own that is not there.
    """
    own = card.weights_path
    if own is not None:
        if not own.is_file():
            raise RequestError(f"{card.name}: weights.file: no such file: {own}")
        return own
    name = cached_name(card)
    if name is not None:
        cached = checkpoints_folder() / name
        if cached.is_file():
            return cached
    return None


def cached_name(card: ModelCard) -> str | None:
    """How the card's checkpoint is called in the cache folder."""
    if card.weights is None:
        return None
    if card.weights.filename:
        return card.weights.filename
    inside = card.weights.member or (unquote(urlsplit(card.weights.url).path) if card.weights.url else "")
    return inside.rsplit("/", 1)[-1] or None


def expected_hash(card: ModelCard) -> str | None:
    """The SHA-256 that the card's checkpoint must have, or its beginning; None where nobody published one.

    Without one in the card, the file's name may carry it: `edsr_x4-4f62e9ef.pt`, the convention of torch.hub.
    """
    if card.weights is None:
        return None
    if card.weights.sha256:
        return card.weights.sha256
    carried = re.search(r"-([0-9a-f]{8,64})\.\w+$", cached_name(card) or "")
    return carried[1] if carried else None


def is_fetchable(card: ModelCard) -> bool:
    """Whether the checkpoint has an address or a package, and a hash by which what arrives is checked."""
    has_source = card.weights is not None and bool(card.weights.url or card.weights.package)
    return has_source and expected_hash(card) is not None


def how_to_get(card: ModelCard) -> str:
    """The end of an error line: how a card's missing weights are had."""
    otherwise = "(or give weights: PATH, or weights: random)"
    if is_fetchable(card):
        return f"get them with: l2xbench fetch {card.name} {otherwise}"
    if card.weights and (card.weights.url or card.weights.page):
        return f"{by_hand(card)} {otherwise}"
    return "give weights: PATH, or weights: random"


def by_hand(card: ModelCard) -> str:
    """What to download by hand, from which page or address, into which folder."""
    assert card.weights is not None
    name = cached_name(card) or "the checkpoint"
    where = card.weights.page or card.weights.url
    return f"download {name} from {where} into {checkpoints_folder()}"
