"""Where the bundled configs and model cards lie, in a checkout and in an installed wheel alike."""

from __future__ import annotations

import os
from pathlib import Path

_PACKAGE = Path(__file__).parent


def _bundled(folder: str) -> Path:
    installed = _PACKAGE / "bundled" / folder
    return installed if installed.is_dir() else _PACKAGE.parent / folder


def configs_folder() -> Path:
    """The folder of bundled studies."""
    return _bundled("configs")


def models_folder() -> Path:
    """The folder of bundled model cards; `weights/` lies in it."""
    return _bundled("models")


def card_folders() -> tuple[Path, ...]:
    """The folders whose cards are known by their names.

    Besides the bundled ones a checkout has `seeds`: the compact networks trained from a second seed. No wheel carries
    them, since their weights would double its size; where it is installed, their cards are named by their paths.
    """
    seeds = models_folder().parent / "seeds"
    return (
        (models_folder(), seeds) if not _PACKAGE.joinpath("bundled").is_dir() and seeds.is_dir() else (models_folder(),)
    )


def cache_folder() -> Path:
    """Where fetched checkpoints and datasets are kept: `L2XBENCH_HOME`, else the user's cache folder."""
    home = os.environ.get("L2XBENCH_HOME")
    if home:
        return Path(home).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "l2xbench"
