"""Which network's published checkpoint a file is, told by its SHA-256, whatever the file is called."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from l2xbench.zoo.cards import ModelCard, bundled_cards, read_card
from l2xbench.zoo.digests import file_digest
from l2xbench.zoo.weights import expected_hash

_HASH = re.compile(r"(?<![0-9a-f])[0-9a-f]{8,64}(?![0-9a-f])")


def published_card(checkpoint: Path) -> ModelCard | None:
    """The bundled card whose authors published this checkpoint; None where none of them did.

    Args:
        checkpoint: a file.

    Raises:
        OSError: it cannot be read.

    Examples:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "carn_m.pth"
        >>> _ = file.write_bytes(b"somebody's own")
        >>> published_card(file) is None
        True
    """
    digest = sha256_of(checkpoint)
    for path in bundled_cards().values():
        # a card takes 10 ms to read as such, and there are many
        if any(digest.startswith(each) for each in _HASH.findall(path.read_text(encoding="utf-8"))):
            card = read_card(path)
            if is_published_as(digest, card):
                return card
    return None


def is_published_as(digest: str, card: ModelCard) -> bool:
    """Whether a checkpoint of this SHA-256 is the one that a card's authors published; weights that we trained are
    none.
    """
    expected = expected_hash(card)
    return expected is not None and not card.training and digest.startswith(expected)


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, computed anew where the file has changed.

    Raises:
        OSError: it cannot be read.
    """
    about = path.stat()
    return _sha256_of(path, about.st_mtime_ns, about.st_size)


@lru_cache(64)
def _sha256_of(path: Path, changed: int, size: int) -> str:
    with path.open("rb") as file:
        return file_digest(file)
