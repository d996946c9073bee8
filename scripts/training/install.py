"""A finished run's weights and `training` block put where its card ships them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from l2xbench.errors import RequestError
from l2xbench.system.files import write_whole
from l2xbench.zoo.cards import ModelCard


def weights_of(card: ModelCard) -> Path:
    """The file that the card names for its weights.

    Raises:
        RequestError: it names none.
    """
    if card.weights_path is None:
        raise RequestError(f"--install: {card.name}: weights.file: the card names no file to put the weights into")
    return card.weights_path


def install(card: ModelCard, weights: Path, block: dict[str, Any]) -> None:
    """Copy `weights` to the card's own file and let the card's text say how they were made."""
    write_whole(weights_of(card), weights.read_bytes())
    set_block(Path(card.folder, f"{card.name}.yaml"), "training", block)


def set_block(path: Path, key: str, block: dict[str, Any]) -> None:
    """Put the top-level `key` of a YAML file at its end with `block` in it; the rest of the text stays as it is."""
    text = re.sub(rf"^{re.escape(key)}:.*\n(?:[ \t].*\n?|\n)*", "", path.read_text(), flags=re.MULTILINE)
    written = yaml.safe_dump({key: block}, sort_keys=False, allow_unicode=True, width=110)
    write_whole(path, f"{text.rstrip()}\n{written}".encode())
